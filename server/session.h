#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "protocol/encoder.h"
#include "protocol/frames.h"
#include "server/alarm.h"
#include "server/asio.h"
#include "server/descendants.h"
#include "server/frame_writer.h"
#include "server/inquiries.h"
#include "server/ladder.h"
#include "server/local_link.h"
#include "server/log.h"
#include "server/options.h"
#include "server/outputs.h"
#include "server/questions.h"
#include "server/stdin_reader.h"
#include "server/worker_stack.h"

namespace replwire::server {

// What the client sees as the session: the queue of executions, their ids, inputs and answers.
// Requests and timers come on the io_context, the interpreter's events on the thread that has
// them, so that a result crosses to no other thread before it is written; one lock keeps them
// apart and is never held while anything blocks.
class Session {
 public:
  struct Parts {
    asio::io_context& io;
    FrameWriter& writer;
    Outputs& outputs;
    LocalLink& link;
    WorkerStack& stack;
    Log& log;
  };

  Session(const Parts& parts, const Options& options, std::function<void(bool)> hold_reader);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Writes `ready`; from here on requests are served.
  void open(const protocol::Ready& ready);

  // On the io_context.
  void take(std::vector<Incoming> frames);
  void end_input();
  // `by_terminal`: which tells the descendants itself.
  void interrupt_from_outside(std::uint64_t serial, bool by_terminal);
  void shut_down_from_outside();
  void client_gone();
  void beat();

  // User code closed descriptors of the server: the process ends.
  [[noreturn]] static void descriptors_gone();

  // From the interpreter, on any of its threads.
  void receive(runtime::Event event);

  // Writes what is left, the last frame, and has the io_context end the process once the client
  // has taken it all. The worker calls it when the interpreter has come to its end.
  void finish();

  // On the io_context: the client has taken all that was pending.
  void drained();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kBroken = 70;  // exit status

  // Holds the lock; what the link was given meanwhile goes out when it has been released.
  class Turn {
   public:
    explicit Turn(Session& session) : link_(session.parts_.link), lock_(session.mutex_) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      lock_.unlock();
      link_.deliver();
    }

   private:
    LocalLink& link_;
    std::unique_lock<std::mutex> lock_;
  };

  struct Queued {
    std::variant<protocol::Execute, protocol::Reset> request;
    std::string id;  // as JSON: the key of an execution
    std::size_t bytes;
  };
  using Queue = std::list<Queued>;
  struct Running {
    runtime::ExecutionRef execution;
    protocol::Id id;
    std::deque<std::string> inputs;
    Clock::time_point started;
    std::vector<pid_t> earlier;  // children that it might be taken to have started
    bool timeout_includes_input;
    bool stop_on_error;
    std::int64_t interrupts = 0;
  };

  // One per request.
  void on(protocol::Execute& request, std::int64_t line);
  void on(protocol::InputResponse& request, std::int64_t line);
  void on(protocol::Interrupt& request, std::int64_t line);
  void on(protocol::Status& request, std::int64_t line);
  void on(protocol::Complete& request, std::int64_t line);
  void on(protocol::Inspect& request, std::int64_t line);
  void on(protocol::IsComplete& request, std::int64_t line);
  void on(protocol::Variables& request, std::int64_t line);
  void on(protocol::OutputGet& request, std::int64_t line);
  void on(protocol::Reset& request, std::int64_t line);
  void on(protocol::Shutdown& request, std::int64_t line);

  // One per event of the link.
  void on(const runtime::NeedInput& question);
  void on(const runtime::InputWithdrawn& withdrawn);
  void on(const runtime::Display& display);
  void on(const runtime::ClearOutput& clear);
  void on(runtime::Done& done);
  void on(const runtime::ResetDone& done);
  void on(const runtime::Exiting& exiting);
  void on(runtime::Told& told);

  void start_next();
  void start(protocol::Execute&& request, std::string id);
  bool busy() const { return running_.has_value() || resetting_.has_value(); }
  bool id_in_use(const std::string& id) const;
  std::string invent_id();

  std::optional<runtime::Answer> answer_at_hand(const runtime::NeedInput& question);
  void close_question(const Questions::Waiting& question, protocol::InputClosedReason reason);

  void close_threads_questions();

  template <class Request, class Subject>
  void inquire(Request& request, Subject subject, std::int64_t line);
  void write_told(protocol::Id id, runtime::Completions& told);
  void write_told(protocol::Id id, runtime::Inspection& told);
  void write_told(protocol::Id id, runtime::Completeness& told);
  void write_told(protocol::Id id, runtime::VariableList& told);
  void refuse_inquiries();

  void interrupt_running(bool descendants_too = true);
  void interrupt_at_rest(std::uint64_t target);
  Descendants descendants_of_running(std::vector<pid_t> except = {}) const;
  std::vector<pid_t> children_of_others(Clock::time_point now) const;
  bool pauses_for_input() const;
  void watch_time();
  void climb();
  void act(Ladder::Rung rung);
  void stuck(const WorkerStack::Outcome& outcome);
  [[noreturn]] void die(std::string_view reason, std::string_view traceback, int status);
  void nudge_later(std::uint64_t serial, std::chrono::milliseconds delay);

  void reply_with(const WorkerStack::Outcome& outcome);
  void fill(protocol::SessionFacts& facts) const;

  void write_result(const runtime::Completed& completed, double seconds);
  void write_error(protocol::ErrorReason reason, const runtime::Report& report, double seconds,
                   std::optional<std::string> exit_code);
  std::optional<std::int64_t> inputs_unused() const;
  void end_queued(Queue::iterator queued, protocol::ErrorReason reason);
  void end_all_queued(protocol::ErrorReason reason);
  Queued unqueue(Queue::iterator queued);

  void shut_down(std::optional<protocol::Id> id);
  void stop_when_idle();
  void update_reader();
  void refuse(protocol::ErrorCode code, std::string message, std::optional<protocol::Id> id,
              std::int64_t line);
  void end_if_sent();

  template <class Frame>
  void write(const Frame& frame) {
    parts_.writer.write(protocol::encode(frame));
  }

  Parts parts_;
  const Options& options_;
  std::function<void(bool)> hold_reader_;

  std::mutex mutex_;
  Queue queue_;
  std::size_t queue_bytes_ = 0;
  std::unordered_map<std::string, Queue::iterator> queued_ids_;  // by the id's JSON
  std::optional<Running> running_;
  std::optional<protocol::Id> resetting_;
  Questions questions_;
  std::deque<protocol::Id> stack_asked_;  // of status requests, in the order of their replies
  Inquiries inquiries_;
  std::uint64_t last_serial_ = 0;
  std::int64_t last_count_ = 0;
  std::uint64_t last_invented_ = 0;
  bool opened_ = false;
  bool reader_held_ = false;
  bool input_ended_ = false;
  bool aborting_ = false;  // --stop-on-error, and there was one
  bool failed_ = false;    // some execution ended in `error`
  bool shutting_down_ = false;
  bool stopping_ = false;  // the interpreter was told to stop
  bool exiting_ = false;
  std::optional<protocol::ShutdownReply> reply_;  // last frame of a shutdown
  Ladder ladder_;                                 // of the execution that runs
  Alarm alarm_;
  Clock::time_point last_end_;  // of an execution
  asio::steady_timer ending_;   // touched with the lock held, as all else here
  asio::steady_timer nudging_;
};

}  // namespace replwire::server
