#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "protocol/frames.h"
#include "server/link/death.h"
#include "server/link/interpreter_link.h"
#include "server/link/worker_stack.h"
#include "server/output/outputs.h"
#include "server/session/autosave.h"
#include "server/session/execution_queue.h"
#include "server/session/function_desk.h"
#include "server/session/input_desk.h"
#include "server/session/inquiry_desk.h"
#include "server/session/recovery/interpreter_processes.h"
#include "server/session/recovery/listing_desk.h"
#include "server/session/recovery/recovery.h"
#include "server/session/reply_once.h"
#include "server/session/running_execution.h"
#include "server/session/save_desk.h"
#include "server/session/session_host.h"
#include "server/session/status_desk.h"
#include "server/session/stop/ending.h"
#include "server/session/stop/process_end.h"
#include "server/session/stop/stopper.h"
#include "server/system/alarm.h"
#include "server/system/asio.h"
#include "server/system/log.h"
#include "server/system/options.h"
#include "server/system/outside_signals.h"
#include "server/system/side_thread.h"
#include "server/wire/frame_writer.h"
#include "server/wire/session_writer.h"
#include "server/wire/stdin_reader.h"

// What the client sees as the session.
//
// Three kinds of events come in: frames of the client, signals and timers, on the io_context; what
// the interpreter says, on the thread that has it, so that a result crosses to no other thread
// before it is written; and, with --survive, the deaths of interpreters. Each takes the one lock,
// and that is all the locking there is: the parts below are plain objects that are reached under
// it, and none of them knows a thread, a timer or Python.
//
//   ExecutionQueue    what waits its turn           InquiryDesk  questions about code
//   RunningExecution  the one in hand               Stopper      interrupts and deadlines
//   InputDesk         what code asks the client     Recovery     the next interpreter; --survive
//   FunctionDesk      what code may call there      Ending       the way to the end
//   SaveDesk          files that copies write       Autosave     files that nobody asks for
//   StatusDesk        who waits for a stack         ProcessEnd   the last step of it
//   ListingDesk       who waits for checkpoints, until it is known what they hold
//
// A request comes with a ReplyOnce and leaves it with the part that will answer; a part that is
// cleared has answered. The parts write their own frames and say nothing to each other: what one
// must know of another is told here.
//
// Every way in ends alike, in `settle`, just before the lock is released: what can start is
// started, the interpreter is told to stop when nothing is left, the reader is held or let go, and
// the alarm is set to the earliest time that a part has named. So nobody has to remember to do any
// of this, and there is one timer. Only then, without the lock, is the interpreter woken: a thread
// that finds the lock taken costs two context switches.
//
// Nothing that blocks is done under the lock, and nothing is posted to another thread on the way of
// a request to its result; both would show in the round trip, which is 33 µs in all.
namespace replwire::server {

template <class T, class... Types>
concept OneOf = (std::same_as<T, Types> || ...);
// Requests that take their turn among the executions.
template <class T>
concept TakesTurn =
    OneOf<T, protocol::Reset, protocol::Functions, protocol::Checkpoint, protocol::Checkpoints,
          protocol::CheckpointDrop, protocol::Restore, protocol::Undo>;
// Requests about the sessions that there are.
template <class T>
concept OfHost = OneOf<T, protocol::Sessions, protocol::Close>;
// What is answered as soon as running code lets it in.
template <class T>
concept Inquiring = OneOf<T, protocol::Complete, protocol::Inspect, protocol::IsComplete,
                          protocol::Variables, protocol::Debug>;
template <class T>
concept OfComm = OneOf<T, protocol::CommOpen, protocol::CommMsg, protocol::CommClose>;
template <class T>
concept OfFile = OneOf<T, protocol::Save, protocol::Load>;
// What has been shown, not asked for.
template <class T>
concept Shown = OneOf<T, runtime::Display, runtime::ClearOutput, runtime::Value, runtime::Progress>;

// Owns the parts and the lock. Its public functions are for any thread.
class Session {
 public:
  struct Parts {
    asio::io_context& io;
    FrameWriter& writer;
    Outputs& outputs;
    InterpreterLink& link;
    WorkerStack& stack;
    Log& log;
    SessionHost* host = nullptr;  // null: there are no others
    std::string name = {};        // empty: this is the first one
  };

  Session(const Parts& parts, const Options& options, std::function<void(bool)> hold_reader);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Writes `ready`; from here on requests are served.
  void open(const protocol::Ready& ready);
  // A branch instead: it is to be woken, and opens when it has been, unless it could not be.
  void begin(BranchStart start);
  void not_begun(const std::string& failure);

  // On the io_context.
  void take(std::vector<Incoming> frames);
  void end_input();
  void signalled(const OutsideSignals::Message& message);
  void client_gone();
  void beat();
  // As a `shutdown` does.
  void end();
  // A branch is gone; for the first session.
  void branch_ended();
  // The client has taken all that was pending.
  void drained();

  // From the interpreter, on any of its threads. With --survive, Restored also says that Python has
  // been started anew.
  void receive(runtime::Event event);
  // Its process has ended; with --survive.
  void interpreter_died(const Death& death);

  // Writes what is left, the last frame, and has the io_context end the process once the client
  // has taken it all. The worker calls it when the interpreter has come to its end.
  void finish();
  // Of a branch that is over: ends its processes on a thread of its own, which calls `then`.
  void end_processes(std::function<void()> then);

  // Without what its host knows.
  protocol::SessionEntry entry();
  bool opened();
  bool failed() const { return frames_.failed(); }

 private:
  using Clock = std::chrono::steady_clock;

  // Holds the lock. What follows from what happened under it is done before it is released, and
  // what the link was given goes out behind that.
  class LockAndDeliver {
   public:
    explicit LockAndDeliver(Session& session) : session_(session), lock_(session.mutex_) {}
    LockAndDeliver(const LockAndDeliver&) = delete;
    LockAndDeliver& operator=(const LockAndDeliver&) = delete;
    ~LockAndDeliver() {
      session_.settle();
      lock_.unlock();
      session_.parts_.link.deliver();
    }

   private:
    Session& session_;
    std::unique_lock<std::mutex> lock_;
  };
  class Frames final : public FrameSink {
   public:
    explicit Frames(SessionWriter writer) : writer_(std::move(writer)) {}

   private:
    void write_line(std::string_view line, FrameKind kind) override { writer_.write(line, kind); }
    void write_as_is(std::string_view line, FrameKind kind) override {
      writer_.all().write(line, kind);
    }

    const SessionWriter writer_;
  };
  // A branch that has not been woken yet.
  struct Opening {
    Snapshots::Number snapshot;
    ReplyOnce reply;
    Clock::time_point by;
    std::shared_ptr<Session> parent;  // whose frames answer
  };

  void settle();
  void ring();
  bool busy() const;
  bool holds_back();
  bool is_branch() const { return !parts_.name.empty(); }
  bool others_live() const { return parts_.host != nullptr && !is_branch() && parts_.host->any(); }

  void serve(Incoming& incoming);
  void on(protocol::Execute& request, ReplyOnce reply);
  void on(protocol::Interrupt& request, ReplyOnce reply);
  void on(protocol::Status& request, ReplyOnce reply);
  void on(protocol::OutputGet& request, ReplyOnce reply);
  void on(protocol::Shutdown& request, ReplyOnce reply);
  void on(protocol::Resize& request, ReplyOnce reply);
  void on(OfComm auto& request, ReplyOnce reply);
  void on(OfFile auto& request, ReplyOnce reply);
  void on(protocol::Branch& request, ReplyOnce reply);
  void on(OfHost auto& request, ReplyOnce reply);

  void add(std::optional<Autosave::Request> request);
  void start_next();
  void begin(ExecutionQueue::Entry next);
  void start(protocol::Execute& request, ExecutionQueue::Entry& entry);
  void start_apart(ExecutionQueue::Entry& entry);
  // Once it may be told. `kept`: a snapshot has its effects, or none is to.
  void tell(const Recovery::Ended& ended, bool kept);
  void list_snapshots(ReplyOnce reply);
  void branch(std::optional<Recovery::Branching> branching);
  void open_branch(const runtime::Restored& restored);
  void fail_opening(const std::string& failure);
  // `how`: the arguments of RunningExecution::end. `undone`: it has left nothing behind.
  template <class... How>
  void end_execution(bool failed, bool undone, const How&... how);

  void on(const runtime::NeedInput& question);
  void on(const runtime::InputWithdrawn& withdrawn);
  void on(const Shown auto& shown);
  void on(const runtime::CommSent& sent);
  void on(const runtime::Held& held);
  void on(runtime::Done& done);
  void on(runtime::ResetDone& done);
  void on(runtime::Defined& defined);
  void on(const runtime::CopyBegun& begun);
  void on(const runtime::CopyDone& done);
  void on(const runtime::Checkpointed& checkpointed);
  void on(const runtime::Restored& restored);
  void on(const runtime::Exiting& exiting);
  void on(runtime::InquiryReply& told);

  void shut_down();
  void stuck(const WorkerStack::Outcome& outcome);
  protocol::State state() const;
  protocol::SessionFacts facts() const;

  Parts parts_;
  const Options& options_;
  std::function<void(bool)> hold_reader_;
  Frames frames_;
  InterpreterProcesses processes_;
  ProcessEnd process_end_;
  Alarm alarm_;

  std::mutex mutex_;  // guards all below
  std::optional<Clock::time_point> alarm_set_;
  bool reader_held_ = false;
  bool opened_ = false;
  std::optional<Opening> opening_;
  std::uint64_t first_serial_ = 0;  // before this session's own
  std::uint64_t last_serial_ = 0;
  std::int64_t last_count_ = 0;
  std::optional<runtime::WindowSize> window_;  // as the client has last told it

  ExecutionQueue queue_;
  std::optional<RunningExecution> running_;
  std::optional<ReplyOnce> reset_;  // that is under way
  int held_ = 0;                    // threads, by the debugger
  InputDesk inputs_;
  FunctionDesk functions_;
  SaveDesk saves_;
  Autosave autosave_;
  InquiryDesk inquiries_;
  StatusDesk statuses_;
  Stopper stopper_;
  Ending ending_;
  std::optional<Recovery> recovery_;  // with --survive
  ListingDesk listings_;
  SideThread side_thread_{"processes"};  // reads what snapshots hold; ends those of a branch
};

}  // namespace replwire::server
