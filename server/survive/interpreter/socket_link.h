#pragma once

#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "runtime/link.h"
#include "server/survive/wire/channels.h"
#include "server/survive/wire/link_values.h"
#include "server/system/waker.h"

namespace replwire::server::survive {

// The interpreter's end of a link to another process. What Python writes goes to shared memory, all
// else over a socket. Besides the worker's there is one thread, for inquiries; a snapshot is taken
// while that one sleeps.
class SocketLink final : public runtime::Link {
 public:
  using Answer = std::function<runtime::InquiryReply(const runtime::Inquiry&)>;

  explicit SocketLink(Channels& channels) : channels_(channels) {}
  SocketLink(const SocketLink&) = delete;
  SocketLink& operator=(const SocketLink&) = delete;

  void say(const Message& message) { send_message(message, {}); }
  // From here on inquiries are answered, on a thread of their own.
  void serve_inquiries(Answer answer);

  std::optional<runtime::Command> poll() override { return next(false); }
  std::optional<runtime::Command> receive(const runtime::Watch& watch) override;
  void send(runtime::Event event) override;
  bool checkpoint(std::uint64_t number) override;
  bool write(const runtime::ExecutionRef& execution, runtime::Stream stream,
             std::string_view bytes) override;
  bool wait_for_room() override;
  std::optional<runtime::Answer> wait_for_answer(std::uint64_t number,
                                                 const sigset_t* blocked) override;

 private:
  // Where the server leaves the answer to an input().
  struct Question {
    Question();
    Waker waker;
    Descriptor answer;  // a file in memory
  };
  using Questions = std::map<std::uint64_t, std::shared_ptr<Question>>;

  std::optional<runtime::Command> next(bool may_wait);
  bool fill(int flags);
  std::optional<runtime::Command> take(runtime::Command command, bool may_wait);
  void tell_children();
  std::optional<runtime::Command> unframed();
  bool declines(const runtime::Checkpoint& offer, bool may_wait);
  void let_client_go_first() const;
  void send_message(const Message& message, std::initializer_list<int> descriptors);
  void start_inquirer();
  void inquire();
  void go_on_as_copy();

  Channels& channels_;
  std::string in_;
  std::optional<runtime::Command> held_;  // a snapshot to be taken, until it may be waited for
  std::uint64_t current_ = 0;             // serial of the newest Run
  std::vector<pid_t> children_;           // as they were told last
  std::uint64_t last_write_ = 0;          // in ticks(), under the output's lock
  Answer answer_;

  std::mutex answering_;  // held while an inquiry is, and over a snapshot
  std::mutex sending_;    // keeps messages whole, and in the order of their positions
  std::mutex questions_mutex_;
  Questions questions_;
};

}  // namespace replwire::server::survive
