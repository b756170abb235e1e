#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/fd.h"
#include "support/frames.h"
#include "support/spawn.h"

namespace replwire_tests {

// A client: starts the program, talks to it over pipes, and ends it when it goes out of scope.
// Whatever goes wrong is an exception whose text holds the frames seen and standard error; a wait
// that lasts longer than kPatience is such a failure. Every line that the server writes is checked
// to be a whole JSON object in valid UTF-8 without raw control characters.
class ServerProcess {
 public:
  ServerProcess() : ServerProcess(Launch{}) {}
  explicit ServerProcess(const Launch& launch);
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess();

  pid_t pid() const { return pid_; }
  const Json& ready() const { return ready_; }

  void send(const Json& frame) { send_line(frame.dump()); }
  void send_line(std::string_view line);
  // Reads what the server writes meanwhile, so that neither waits for the other.
  void send_bytes(std::string_view bytes);
  int input() const { return stdin_.get(); }  // the write end of its standard input
  void close_stdin() { stdin_.reset(); }
  void close_stdout() { stdout_.reset(); }
  void signal(int number) const;

  // The next frame, in the order in which the server wrote them.
  Json read_frame(Millis patience = kPatience);
  // All frames up to the first that the predicate (or this type) fits, that one included.
  std::vector<Json> read_until(const std::function<bool(const Json&)>& fits);
  std::vector<Json> read_until(std::string_view type);
  // Reads up to the output that holds the end of a line; returns that frame, with the text of all
  // of them as its data. One printed line may come in two frames.
  Json read_output();
  std::string read_line() { return read_output()["data"]; }
  // All frames up to the end of the server's output.
  std::vector<Json> read_to_end();
  // When the frame read last came in.
  Clock::time_point arrival() const { return arrivals_.at(next_ - 1); }

  // Sends an execute and returns its id; `extra` holds further fields, the id perhaps.
  Json start(std::string_view code, Json extra = Json::object());
  // Reads until that execution's terminal frame, if it has not been read yet.
  Execution finish(const Json& id);
  Execution execute(std::string_view code, Json extra = Json::object());

  // The next `input` frame; an execution that ends first is a failure.
  Json await_input();
  void answer(const Json& input_id, std::string_view data);
  void answer(std::string_view data);
  // Runs code that asks once, answers, and returns how it ended.
  Execution ask(std::string_view code, std::string_view data);

  // These read up to the reply and return it. Since `status` is served at once, it also tells
  // that all frames sent before have been read.
  Json interrupt(const Json& execution_id);
  Json status();
  // The frames that the server wrote before it answered a `status`: what a test looks at that
  // says nothing comes.
  std::vector<Json> frames_before_status();

  // Waits for the end: the exit status, or minus the signal.
  int wait_exit(Millis patience = kPatience);
  std::string stderr_text() const { return read_capture(stderr_); }
  std::string describe() const;

 private:
  [[noreturn]] void fail(const std::string& what) const;
  std::vector<Json> read_through_status();
  // Takes in at least one more frame; false at the end of the server's output.
  bool receive(Clock::time_point deadline);
  bool take_line();
  void read_some();
  void accept_line(std::string_view line);
  void check_line(std::string_view line, const Json& frame) const;
  void drain();
  Json fresh_id() { return "t" + std::to_string(++ids_given_); }

  Fd stdin_;
  Fd stdout_;
  Fd stderr_;
  pid_t pid_ = -1;
  bool reaped_ = false;
  bool at_end_ = false;
  std::string buffer_;
  std::size_t scanned_ = 0;
  std::vector<Json> frames_;
  std::vector<Clock::time_point> arrivals_;
  std::size_t next_ = 0;
  std::map<std::string, std::size_t> started_at_;
  int ids_given_ = 0;
  Json ready_;
};

}  // namespace replwire_tests
