#pragma once

#include <chrono>
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
#include "server/session/desks/function_desk.h"
#include "server/session/desks/input_desk.h"
#include "server/session/desks/inquiry_desk.h"
#include "server/session/desks/listing_desk.h"
#include "server/session/desks/save_desk.h"
#include "server/session/desks/status_desk.h"
#include "server/session/recovery/interpreter_processes.h"
#include "server/session/reply_once.h"
#include "server/session/session_host.h"
#include "server/session/stop/ending.h"
#include "server/session/stop/process_end.h"
#include "server/session/turns.h"
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
//   Turns         what is served one after the other, from the queue to its result
//   InputDesk     what code asks the client     InquiryDesk  questions about code
//   FunctionDesk  what code may call there      StatusDesk   who waits for a stack
//   SaveDesk      files that copies write       Ending       the way to the end
//   ListingDesk   who waits for checkpoints,    ProcessEnd   the last step of it
//                 until it is known what they hold
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
  void start_next();
  bool is_branch() const { return !parts_.name.empty(); }
  bool others_live() const { return parts_.host != nullptr && !is_branch() && parts_.host->any(); }

  void serve(Incoming& incoming);
  void on(const protocol::OutputGet& request, ReplyOnce reply);
  void on(const protocol::Status& request, ReplyOnce reply);
  void list(ReplyOnce reply, Recovery::Listed listed);

  // What comes from code by itself.
  void show(const auto& frame);
  void open_branch(const runtime::Restored& restored);
  void fail_opening(const std::string& failure);
  void shut_down();

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

  InputDesk inputs_;
  FunctionDesk functions_;
  SaveDesk saves_;
  InquiryDesk inquiries_;
  StatusDesk statuses_;
  ListingDesk listings_;
  Ending ending_;
  Turns turns_;
  SideThread side_thread_{"processes"};  // reads what snapshots hold; ends those of a branch
};

}  // namespace replwire::server
