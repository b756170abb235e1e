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
#include "server/link/death.h"
#include "server/link/interpreter_link.h"
#include "server/link/worker_stack.h"
#include "server/output/outputs.h"
#include "server/session/deadline.h"
#include "server/session/inquiries.h"
#include "server/session/questions.h"
#include "server/session/reply_once.h"
#include "server/session/snapshots.h"
#include "server/system/alarm.h"
#include "server/system/asio.h"
#include "server/system/descendants.h"
#include "server/system/log.h"
#include "server/system/options.h"
#include "server/system/standstill.h"
#include "server/wire/frame_writer.h"
#include "server/wire/stdin_reader.h"

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
    InterpreterLink& link;
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

  // The interpreter's process has ended; with --survive.
  void interpreter_died(const Death& death);
  // Another one runs Python, in which nothing has been run.
  void interpreter_started_anew();

  // Writes what is left, the last frame, and has the io_context end the process once the client
  // has taken it all. The worker calls it when the interpreter has come to its end.
  void finish();

  // On the io_context: the client has taken all that was pending.
  void drained();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kBroken = 70;  // exit status

  // Holds the lock; what the link was given meanwhile goes out when it has been released.
  class LockAndDeliver {
   public:
    explicit LockAndDeliver(Session& session) : link_(session.parts_.link), lock_(session.mutex_) {}
    LockAndDeliver(const LockAndDeliver&) = delete;
    LockAndDeliver& operator=(const LockAndDeliver&) = delete;
    ~LockAndDeliver() {
      lock_.unlock();
      link_.deliver();
    }

   private:
    InterpreterLink& link_;
    std::unique_lock<std::mutex> lock_;
  };

  struct Queued {
    std::variant<protocol::Execute, protocol::Reset, protocol::Checkpoint, protocol::Checkpoints,
                 protocol::Restore, protocol::Undo>
        request;
    ReplyOnce reply;
    std::string id;  // as JSON: the key of an execution
    std::size_t bytes;
  };
  using Queue = std::list<Queued>;
  struct Running {
    runtime::ExecutionRef execution;
    ReplyOnce reply;
    std::deque<std::string> inputs;
    Clock::time_point started;
    bool timeout_includes_input;
    bool stop_on_error;
    protocol::Transaction transaction;
    std::optional<std::uint64_t> before;  // the snapshot that a rollback goes back to
    std::optional<std::uint64_t> behind;  // the one that is to have what it changed
    std::int64_t interrupts = 0;
  };

  // ---- with --survive
  struct Crash {
    protocol::ErrorReason reason;
    runtime::Report report;
  };
  struct Answered {  // a request that asked for it
    std::uint64_t snapshot;
    ReplyOnce reply;
  };
  // What has come to its end, but is not told before there is the snapshot that has it.
  struct Held {
    std::uint64_t snapshot;
    std::variant<runtime::Done, runtime::ResetDone> done;
  };
  // The interpreter is dead, or about to be, and another one is being restored.
  struct Revival {
    protocol::RestoredCause cause;
    std::optional<std::uint64_t> snapshot;  // none: start anew
    std::variant<std::monostate, Crash, runtime::Done, Answered> then;
    bool awaited;  // the death has been asked for, and has not been heard of
    std::optional<std::string> signal;
    std::optional<std::int64_t> exit_status;
  };

  // One per request.
  void on(protocol::Execute& request, ReplyOnce reply);
  void on(protocol::InputResponse& request, ReplyOnce reply);
  void on(protocol::Interrupt& request, ReplyOnce reply);
  void on(protocol::Status& request, ReplyOnce reply);
  void on(protocol::Complete& request, ReplyOnce reply);
  void on(protocol::Inspect& request, ReplyOnce reply);
  void on(protocol::IsComplete& request, ReplyOnce reply);
  void on(protocol::Variables& request, ReplyOnce reply);
  void on(protocol::OutputGet& request, ReplyOnce reply);
  void on(protocol::Reset& request, ReplyOnce reply);
  void on(protocol::Checkpoint& request, ReplyOnce reply);
  void on(protocol::Checkpoints& request, ReplyOnce reply);
  void on(protocol::Restore& request, ReplyOnce reply);
  void on(protocol::Undo& request, ReplyOnce reply);
  void on(protocol::Shutdown& request, ReplyOnce reply);

  // One per event of the link.
  void on(const runtime::NeedInput& question);
  void on(const runtime::InputWithdrawn& withdrawn);
  void on(const runtime::Display& display);
  void on(const runtime::ClearOutput& clear);
  void on(runtime::Done& done);
  void on(runtime::ResetDone& done);
  void on(const runtime::Checkpointed& checkpointed);
  void on(const runtime::Restored& restored);
  void on(const runtime::Exiting& exiting);
  void on(runtime::InquiryReply& told);

  void serve(Incoming& incoming);
  template <class Request>
  void take_turn(Request& request, ReplyOnce reply);
  void start_next();
  void begin(protocol::Execute& request, Queued& queued);
  void begin(protocol::Reset& request, Queued& queued);
  void begin(protocol::Checkpoint& request, Queued& queued);
  void begin(protocol::Checkpoints& request, Queued& queued);
  void begin(protocol::Restore& request, Queued& queued);
  void begin(protocol::Undo& request, Queued& queued);
  void tell(runtime::Done& done, bool kept);
  void tell(runtime::ResetDone& done, bool kept);
  void tell_held(bool kept);
  void write_outcome(const runtime::Done& done, bool restored, bool kept = true);
  void end_execution(bool failed, bool restored);
  void stop_after_failure(bool stop);
  bool is_given_up() const { return revival_ && revival_->awaited; }  // the interpreter there is
  bool busy() const { return running_.has_value() || in_turn_.has_value() || revival_.has_value(); }
  bool id_in_use(const std::string& id) const;
  std::string invent_id();

  std::optional<runtime::Answer> answer_at_hand(const runtime::NeedInput& question);
  void close_question(const Questions::Waiting& question, protocol::InputClosedReason reason);

  void close_threads_questions();

  template <class Subject>
  void inquire(ReplyOnce reply, Subject subject);

  void watch_for_standstill();
  void look_for_standstill();
  void interrupt_running(bool descendants_too = true);
  void interrupt_at_rest(std::uint64_t target);
  Descendants descendants_of_running(std::vector<pid_t> except = {}) const;
  bool pauses_for_input() const;
  void watch_time();
  void check_deadline();
  void act(Deadline::Step step);
  void stuck(const WorkerStack::Outcome& outcome);
  void end_interpreter(std::string stack);
  [[noreturn]] void die(std::string_view reason, std::string_view traceback, int status);
  void nudge_later(std::uint64_t serial, std::chrono::milliseconds delay);

  void reply_with(const WorkerStack::Outcome& outcome);
  void fill(protocol::SessionFacts& facts) const;

  bool snapshots_are_of_use() const;
  std::optional<std::uint64_t> offer_snapshot();
  std::optional<std::uint64_t> offer_snapshot_behind(const runtime::Execution& execution);
  std::uint64_t take_snapshot(std::optional<std::string> name, bool automatic);
  static bool is_transaction(const protocol::Execute& request);
  bool waits_for_snapshot(const Queued& next);
  void refuse_transaction();
  void reply_to_checkpoint(std::uint64_t number, bool made);
  void drop(const std::vector<std::uint64_t>& snapshots);
  void forget_the_dead();
  void revive(Revival revival);
  bool rolls_back(const runtime::Outcome& outcome) const;
  void replace(const Death& death);
  Crash crash_of(const Death& death);
  void distrust_snapshot(const Death& death);
  void wake();
  void give_up_waking();
  void finish_revival(std::monostate& nothing);
  void finish_revival(Crash& crash);
  void finish_revival(runtime::Done& done);
  void finish_revival(Answered& answered);
  void end_revival(const runtime::Restored& restored);
  std::vector<pid_t> own_processes() const;
  bool user_code_left_processes() const;
  void end_with_descendants();
  void end_what_it_started() const;
  std::optional<protocol::SnapshotFacts> snapshot_facts() const;

  void write_result(const runtime::Completed& completed, double seconds, bool restored, bool kept);
  void write_error(protocol::ErrorReason reason, const runtime::Report& report, double seconds,
                   std::optional<std::string> exit_code, bool restored = false, bool kept = true);
  std::optional<std::int64_t> inputs_unused() const;
  void end_queued(Queue::iterator queued, protocol::ErrorReason reason, std::string message = {});
  void end_all_queued(protocol::ErrorReason reason);
  Queued unqueue(Queue::iterator queued);

  void shut_down();
  void stop_when_idle();
  void update_reader();
  void end_if_sent();

  template <class Frame>
  void write(const Frame& frame) {
    frames_.write(frame);
  }

  class Frames final : public FrameSink {
   public:
    explicit Frames(FrameWriter& writer) : writer_(writer) {}

   private:
    void write_line(std::string_view line, FrameKind kind) override { writer_.write(line, kind); }

    FrameWriter& writer_;
  };

  Parts parts_;
  Frames frames_;
  const Options& options_;
  std::function<void(bool)> hold_reader_;

  std::mutex mutex_;
  Queue queue_;
  std::size_t queue_bytes_ = 0;
  std::unordered_map<std::string, Queue::iterator> queued_ids_;  // by the id's JSON
  std::optional<Running> running_;
  std::optional<ReplyOnce> in_turn_;  // of a request between executions that is being served
  Questions questions_;
  std::deque<ReplyOnce> stack_asked_;  // of status requests, in the order of their replies
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
  std::vector<ReplyOnce> shutdowns_;
  Deadline deadline_;  // of the execution that runs
  Alarm alarm_;
  asio::steady_timer ending_;  // touched with the lock held, as all else here
  asio::steady_timer nudging_;

  // With --survive.
  Snapshots snapshots_;
  std::optional<std::uint64_t> asked_for_;  // the snapshot that a `checkpoint` waits for
  std::optional<std::uint64_t> needed_;     // the one that a transaction does
  std::string snapshot_failure_;            // why the last one could not be made; empty: it could
  std::optional<Held> held_;
  std::optional<std::pair<std::uint64_t, std::string>> unconfirmed_;  // a snapshot; an id as JSON
  std::optional<Revival> revival_;
  std::optional<runtime::Exiting> exiting_with_;  // os._exit was called
  std::optional<std::uint64_t> last_woken_;
  Clock::time_point woken_at_;
  Clock::time_point last_death_at_rest_;
  int deaths_at_rest_ = 0;  // of what wakes of one snapshot, one after the other
  Alarm waking_;            // a snapshot that does not come to itself
  std::vector<std::string> lost_native_threads_;  // somebody may wait for them
  Standstill standstill_;
  Alarm standstill_alarm_;
  int starts_anew_ = 0;  // one after the other
};

}  // namespace replwire::server
