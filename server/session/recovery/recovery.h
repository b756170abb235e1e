#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/frames.h"
#include "runtime/link.h"
#include "server/link/death.h"
#include "server/session/execution_queue.h"
#include "server/session/recovery/living_snapshots.h"
#include "server/session/recovery/snapshot_processes.h"
#include "server/session/recovery/trust.h"
#include "server/session/reply_once.h"
#include "server/session/running_execution.h"
#include "server/system/log.h"

// How a session outlives its interpreter.
//
// A snapshot is a forked interpreter that sleeps: it costs half a millisecond and holds only the
// pages that have changed since. One is ordered together with each execution and taken right behind
// its result, so that the client never waits for it. When the interpreter dies, or is killed
// because its state is to be given up, the newest snapshot that led to that state is woken in its
// place, and sleeps on in a fork of its own for the next time. Without any snapshot Python is
// started anew.
//
// What goes on meanwhile: the queue waits, since `busy` holds; requests that need no interpreter
// are served; questions about code are put again by the link. The client hears `restored` first,
// and then the frame that the lost interpreter still owes: the execution's `error` or `result`, or
// the reply to `restore` or `undo`. That is kept as `Then` through all the states below, so it is
// written once, however many interpreters die on the way.
//
//   state      | what happens                        | what is done                   | next
//   -----------+-------------------------------------+--------------------------------+----------
//   steady     | go_back: rollback, restore, undo,   | the interpreter is killed      | condemned
//              |   code that cannot be stopped, or   |                                |
//              |   that stands still                 |                                |
//   steady     | died                                | choose: the newest snapshot    | chosen
//   condemned  | died                                | choose: the one wanted, or the | chosen
//              |                                     |   newest if that is dead too   |
//   chosen     | wake                                | a snapshot, or Python anew     | waking
//   chosen     | wake, Python anew for the 4th time  | the session ends: `fatal`      |
//              |   with no execution ended between   |                                |
//   waking     | died                                | choose: the same; Python anew, | chosen
//              |                                     |   if one after the other died  |
//   waking     | 10 seconds have passed              | it is killed, and distrusted   | waking
//   waking     | restored                            | `restored`, and what was owed  | steady
//
// What has ended is told when the snapshot that has its effects is there: so no death undoes what
// the client was told. A death in between is the execution's own. At the other levels it is told
// first, and confirmed later.
//
// Pools of native libraries are not in a snapshot, and whoever gives them work waits for ever.
// After a restore that lost such threads, each execution is looked at now and then; code that
// stands still is ended as a crash.
//
// What a condemned interpreter still says does not count: its execution ends as its death ends it,
// and a snapshot that it has just made must not push out the one that is to be woken. Snapshots can
// die as well, killed from outside or for memory: before each choice the dead are forgotten.
namespace replwire::server {

// Whether the execution may go back to the state that it began in.
bool is_transaction(const protocol::Execute& request);

// Takes snapshots of the interpreter, tells of them and goes back to one. Belongs to the session,
// which guards it; exists with --survive alone.
class Recovery {
 public:
  using Clock = std::chrono::steady_clock;
  using Number = Snapshots::Number;

  enum class State { kSteady, kCondemned, kChosen, kWaking };
  struct Crash {  // what the execution under way ends with
    protocol::ErrorReason reason;
    runtime::Report report;
  };
  struct Answered {  // a request that asked for it
    Number snapshot;
    ReplyOnce reply;
  };
  using Then = std::variant<std::monostate, Crash, runtime::Done, Answered>;
  // From one interpreter to the next.
  struct Revival {
    protocol::RestoredCause cause;
    std::optional<Number> snapshot;  // none: Python anew
    Then then;
    std::optional<std::string> signal = {};  // that ended the one before
    std::optional<std::int64_t> exit_status = {};
  };
  struct Branching {  // a session is to begin in the state of that one
    Number snapshot;
    std::optional<std::string> name;
    ReplyOnce reply;
  };
  // What has come to its end.
  using Ended = std::variant<runtime::Done, runtime::ResetDone>;
  // What a snapshot that was made, or could not be, means for others.
  struct Settled {
    std::optional<Ended> held;  // is to be told now
    bool made;
    bool in_vain;  // a transaction waits for it and cannot have it
    std::optional<Branching> branching = {};
    std::vector<Number> outdated = {};  // to be dropped, once what was held is told
  };
  struct Limits {
    std::size_t kept;   // snapshots that the server takes
    std::size_t bytes;  // of an interpreter that it takes one of
    bool tells_first;   // a result comes before its snapshot
    bool may_wait;      // which may wait until nothing else is to be done
  };

  // `wanted`: whether there is anything to come that a snapshot could be of use for.
  Recovery(SnapshotProcesses& processes, FrameSink& frames, Log& log, const Limits& limits,
           std::function<bool()> wanted);
  Recovery(const Recovery&) = delete;
  Recovery& operator=(const Recovery&) = delete;

  // ---- snapshots

  // One of the state as it is, or of what the execution that starts will leave: sent with it, it
  // costs nothing when the reply is due.
  // Returns its number; nothing: none is taken.
  std::optional<Number> offer();
  std::optional<Number> offer_behind(const runtime::Execution& execution);
  // An execution starts, and is over. `undone`: it has left nothing behind.
  void begin_execution(Clock::time_point now);
  void end_execution(const runtime::Execution& execution, bool undone);
  // A reset has changed the state.
  void step();
  // True: `ended` is told when `snapshot`, which has its effects, is there. False: at once; for an
  // execution, whose id as JSON is `id`, `kept` follows.
  bool hold(std::optional<Number> snapshot, Ended& ended, std::string id);
  // What is held, if anything is, without more waiting.
  std::optional<Ended> release();
  // True if `next` is a transaction whose rollback snapshot does not exist yet.
  bool waits(const ExecutionQueue::Request& next) const;
  // The same, and sees to it that there will be one.
  bool holds_back(const ExecutionQueue::Request& next);
  // The system has made the snapshot, or could not.
  Settled taken(const runtime::Checkpointed& checkpointed);
  void drop(const std::vector<Number>& outdated) { snapshots_.drop(outdated); }
  const LivingSnapshots& snapshots() const { return snapshots_; }

  struct Listed {
    protocol::CheckpointsReply reply;
    std::vector<pid_t> processes;  // one for each
  };
  // What there is now, but for the memory of each: to find that out takes time.
  Listed list();

  // Requests whose turn has come.
  void begin(protocol::Checkpoint& request, ReplyOnce reply);
  void begin(protocol::CheckpointDrop& request, ReplyOnce reply);
  void begin(protocol::Restore& request, ReplyOnce reply);
  void begin(protocol::Undo& request, ReplyOnce reply);
  // Nothing: it has been refused, or the snapshot is being made.
  std::optional<Branching> begin(protocol::Branch& request, ReplyOnce reply);

  // This session is a branch, and begins in the state of that snapshot; and does so.
  void adopt(Number number, Snapshots::Snapshot snapshot);
  void begun(const runtime::Restored& told) { lost_native_threads_ = told.lost_native_threads; }

  // ---- from one interpreter to the next

  State state() const { return state_; }
  bool reviving() const { return state_ != State::kSteady; }
  bool busy() const { return reviving() || checkpoint_.has_value(); }
  protocol::RestoredCause cause() const { return revival_->cause; }
  bool begins_anew() const { return !revival_->snapshot; }

  void go_back(Revival revival);
  // Code ends the process itself; `traceback`: where it did.
  void leaving(std::string traceback) { last_words_ = std::move(traceback); }
  // The interpreter has died. `running`: with an execution.
  void died(const Death& death, bool running, Clock::time_point now);
  // False: Python cannot be started any more.
  bool wake(Clock::time_point now);
  // When `act` is to be called, and what is due by then.
  std::optional<Clock::time_point> due() const;
  void act(Clock::time_point now);
  // The next one runs, as `pid`. Writes `restored`; what became of `running` is the caller's to
  // tell.
  Revival finish(const runtime::ExecutionRef& running, pid_t pid, const runtime::Restored& told);

  // ---- the rest

  protocol::SnapshotFacts facts() const;
  // Requests under way are dropped unanswered.
  void clear();

 private:
  struct Held {
    Number snapshot;
    Ended ended;
  };
  struct Checkpoint {  // a request that is being served
    Number number;
    ReplyOnce reply;
    std::optional<protocol::Branch> branch = {};  // what asked for it; none: a checkpoint
  };

  Number take(std::optional<std::string> name, bool automatic);
  // Nothing when there is none of that name: the reply has said so.
  std::optional<Number> find(const std::string& checkpoint_id, ReplyOnce& reply);
  void choose(const Death& death, bool running, Clock::time_point now);
  void confirm(bool made);
  std::optional<Branching> end_checkpoint(bool made);
  void give_up_waking(Clock::time_point now);
  void look_for_standstill(Clock::time_point now);
  void write(const Revival& revival, const runtime::ExecutionRef& running, pid_t pid,
             const runtime::Restored& told);

  SnapshotProcesses& processes_;
  FrameSink& frames_;
  Log& log_;
  const Limits limits_;
  std::function<bool()> wanted_;

  LivingSnapshots snapshots_;
  std::optional<Checkpoint> checkpoint_;
  std::optional<Number> needed_;  // the snapshot that a transaction waits for
  std::optional<Held> held_;
  std::optional<std::pair<Number, std::string>> unconfirmed_;  // a snapshot; an id as JSON
  std::string failure_;  // why the last one could not be made; empty: it could

  State state_ = State::kSteady;
  std::optional<Revival> revival_;  // in all states but steady
  std::optional<std::string> last_words_;
  Trust trust_;
  std::optional<Clock::time_point> wakes_by_;
  std::vector<std::string> lost_native_threads_;  // somebody may wait for them
  std::optional<Clock::time_point> looks_at_;     // whether the code that runs does
};

}  // namespace replwire::server
