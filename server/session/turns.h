#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "protocol/frames.h"
#include "server/link/death.h"
#include "server/link/interpreter_link.h"
#include "server/link/worker_stack.h"
#include "server/output/outputs.h"
#include "server/session/autosave.h"
#include "server/session/desks/function_desk.h"
#include "server/session/desks/input_desk.h"
#include "server/session/desks/save_desk.h"
#include "server/session/execution_queue.h"
#include "server/session/frame_sink.h"
#include "server/session/recovery/interpreter_processes.h"
#include "server/session/recovery/recovery.h"
#include "server/session/reply_once.h"
#include "server/session/running_execution.h"
#include "server/session/session_host.h"
#include "server/session/stop/ending.h"
#include "server/session/stop/process_end.h"
#include "server/session/stop/stopper.h"
#include "server/system/log.h"
#include "server/system/options.h"
#include "server/system/outside_signals.h"

namespace replwire::server {

// What the client asked for is served here, one after the other: from the queue to the frame that
// ends it, whatever happens to the interpreter on the way.
//
//   ExecutionQueue    what waits its turn           Stopper   interrupts and deadlines
//   RunningExecution  the one in hand               Recovery  the next interpreter; --survive
//   Autosave          files that nobody asks for
//
// Knows no lock, no thread and no timer: belongs to the session, which guards it, and which tells
// it what the client and the interpreter say.
class Turns {
 public:
  using Clock = std::chrono::steady_clock;
  struct Parts {
    InterpreterLink& link;
    Outputs& outputs;
    FrameSink& frames;
    Log& log;
    InterpreterProcesses& processes;
    const ProcessEnd& process_end;
    const Ending& ending;
    InputDesk& inputs;
    FunctionDesk& functions;
    SaveDesk& saves;
    bool is_branch;
  };
  // What is not done under the session's lock alone.
  struct Elsewhere {
    std::function<void(BranchStart)> branch;
    std::function<void(ReplyOnce, Recovery::Listed)> list;
  };

  Turns(const Parts& parts, const Options& options, Elsewhere elsewhere);
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // The session has begun: the first one, or a branch, in the state of a snapshot; see `adopt`.
  void open();
  void open(const runtime::Restored& restored);
  void adopt(BranchStart& start);

  // ---- requests

  void add(protocol::Execute request, ReplyOnce reply);
  // A file to be written or read.
  void add(runtime::Errand transfer, ReplyOnce reply);
  void add(runtime::CommMessage message, ReplyOnce reply);
  // A request of another type.
  void add(ExecutionQueue::Request request, ReplyOnce reply);
  // What is first is begun, once nothing is in hand.
  void start_next();

  void interrupt(const protocol::Interrupt& request, ReplyOnce reply);
  // `serial`: of what it found under way.
  void signalled(const OutsideSignals::Message& message, std::uint64_t serial);
  void set_window(const runtime::WindowSize& window) { window_ = window; }

  // ---- what the interpreter says

  void on(const runtime::NeedInput& question);
  void on(const runtime::InputWithdrawn& withdrawn);
  void on(const runtime::Held& held) { held_ += held.threads; }
  void on(runtime::Done& done);
  void on(runtime::ResetDone& done);
  void on(const runtime::IpythonLoaded& loaded);
  void on(const runtime::Checkpointed& checkpointed);
  void on(const runtime::Restored& restored);
  void on(const runtime::Exiting& exiting);
  // False: there will not be another one.
  bool interpreter_died(const Death& death, Clock::time_point now);

  // ---- time

  // When `act` is to be called, and what is due by then. True: what runs is to end and has not;
  // `stuck` is to be called with its serial, and with what it is at.
  std::optional<Clock::time_point> due();
  bool act(Clock::time_point now);
  void stuck(std::uint64_t serial, const WorkerStack::Outcome& outcome);

  // ---- what there is

  const RunningExecution* running() const { return running_ ? &*running_ : nullptr; }
  // Something is in hand; nothing is, and nothing waits.
  bool busy() const;
  bool idle() const { return !busy() && queue_.empty(); }
  bool loads_ipython() const { return loads_ipython_; }
  bool reviving() const { return recovery_ && recovery_->reviving(); }
  std::size_t waiting_bytes() const { return queue_.bytes(); }
  std::uint64_t executions() const { return last_serial_ - first_serial_; }
  protocol::State state() const;
  protocol::SessionFacts facts() const;

  // ---- the end

  // What waits is cancelled, what runs is interrupted.
  void shut_down(Clock::time_point now);
  // Everything is answered: the session is over.
  void finish();

 private:
  void load_ipython();
  bool holds_back();
  void begin(ExecutionQueue::Entry next);
  void start(protocol::Execute& request, ExecutionQueue::Entry& entry);
  void branch(std::optional<Recovery::Branching> branching);
  // Once it may be told. `kept`: a snapshot has its effects, or none is to.
  void tell(const Recovery::Ended& ended, bool kept);
  // `how`: the arguments of RunningExecution::end. `undone`: it has left nothing behind.
  template <class... How>
  void end_execution(bool failed, bool undone, const How&... how);

  const Parts parts_;
  const Options& options_;
  const Elsewhere elsewhere_;

  std::uint64_t first_serial_ = 0;  // before this session's own
  std::uint64_t last_serial_ = 0;
  std::int64_t last_count_ = 0;
  std::optional<runtime::WindowSize> window_;  // as the client has last told it

  ExecutionQueue queue_;
  std::optional<RunningExecution> running_;
  std::optional<ReplyOnce> reset_;  // that is under way
  bool loads_ipython_ = false;      // nothing else is begun before
  int held_ = 0;                    // threads, by the debugger
  Autosave autosave_;
  Stopper stopper_;
  std::optional<Recovery> recovery_;  // with --survive
};

}  // namespace replwire::server
