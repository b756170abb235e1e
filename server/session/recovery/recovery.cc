#include "server/session/recovery/recovery.h"

#include <algorithm>

#include "server/output/output_frames.h"
#include "server/session/frame_values.h"
#include "server/session/recovery/death_report.h"

namespace replwire::server {
namespace {

using protocol::ErrorCode;
using protocol::RestoredCause;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kTimeToWake{10};
constexpr milliseconds kBetweenLooks{500};
constexpr std::size_t kMostNames = 5;

// Of texts that are JSON.
std::string list_of(const std::vector<std::string>& items) {
  std::string json = "[";
  for (const std::string& item : items) json += (json.size() > 1 ? "," : "") + item;
  return json + "]";
}

std::string waited_for(const std::vector<std::string>& threads) {
  std::string text =
      "the code waited for threads of a native library, which were lost when the session was "
      "restored (";
  for (std::size_t i = 0; i < std::min(threads.size(), kMostNames); ++i) text += threads[i] + ", ";
  return text + std::to_string(threads.size()) +
         " in all) and which that library cannot start again: its interpreter was ended. What this "
         "library does on several threads takes a new session.";
}

void answer(Recovery::Answered& answered, std::optional<Recovery::Number> woken) {
  if (woken != answered.snapshot) {
    return answered.reply.refuse(
        ErrorCode::kInvalidField,
        "the snapshot died as it was restored; `restored` tells what goes on instead");
  }
  std::string id = checkpoint_id(answered.snapshot);
  if (answered.reply.type() == protocol::Undo::kType) {
    answered.reply.answer(protocol::UndoReply{{}, std::move(id)});
  } else {
    answered.reply.answer(protocol::RestoreReply{{}, std::move(id)});
  }
}

}  // namespace

bool is_transaction(const protocol::Execute& request) {
  return request.transaction.value_or(protocol::Transaction::kCommit) !=
         protocol::Transaction::kCommit;
}

Recovery::Recovery(SnapshotProcesses& processes, FrameSink& frames, Log& log, const Limits& limits,
                   std::function<bool()> wanted)
    : processes_(processes),
      frames_(frames),
      log_(log),
      limits_(limits),
      wanted_(std::move(wanted)),
      snapshots_(processes) {}

// ---- snapshots ------------------------------------------------------------------------------

std::optional<Recovery::Number> Recovery::offer() {
  if (!wanted_()) return std::nullopt;
  const Number number = snapshots_.begin(std::nullopt, true);
  processes_.take(number, limits_.bytes, !limits_.may_wait);
  return number;
}

std::optional<Recovery::Number> Recovery::offer_behind(const runtime::Execution& execution) {
  if (!wanted_()) return std::nullopt;
  const Number number = snapshots_.begin_next(execution.id, execution.count);
  processes_.take(number, limits_.bytes, !limits_.may_wait);
  return number;
}

void Recovery::begin_execution(Clock::time_point now) {
  if (!lost_native_threads_.empty()) looks_at_ = now + kBetweenLooks;
}

void Recovery::end_execution(const runtime::Execution& execution, bool undone) {
  looks_at_.reset();
  trust_.executed();
  if (!undone) snapshots_.step(execution.id, execution.count);
}

void Recovery::step() { snapshots_.step(std::nullopt, std::nullopt); }

bool Recovery::hold(std::optional<Number> snapshot, Ended& ended, std::string id) {
  if (!snapshot) return false;
  if (!limits_.tells_first) {
    held_ = Held{*snapshot, std::move(ended)};
    return true;
  }
  if (std::holds_alternative<runtime::Done>(ended)) unconfirmed_ = {*snapshot, std::move(id)};
  return false;
}

std::optional<Recovery::Ended> Recovery::release() {
  if (!held_) return std::nullopt;
  std::optional<Ended> ended = std::move(held_->ended);
  held_.reset();
  return ended;
}

// However large the interpreter is.
Recovery::Number Recovery::take(std::optional<std::string> name, bool automatic) {
  const Number number = snapshots_.begin(std::move(name), automatic);
  processes_.take(number, std::nullopt, true);
  return number;
}

bool Recovery::waits(const ExecutionQueue::Request& next) const {
  const auto* execute = std::get_if<protocol::Execute>(&next);
  return execute != nullptr && is_transaction(*execute) && !snapshots_.is_fresh();
}

bool Recovery::holds_back(const ExecutionQueue::Request& next) {
  if (!waits(next)) return false;
  if (!snapshots_.is_being_made()) needed_ = take(std::nullopt, true);
  return true;
}

Recovery::Settled Recovery::taken(const runtime::Checkpointed& checkpointed) {
  const Number number = checkpointed.number;
  if (state_ == State::kCondemned) {
    processes_.drop(number);
    return {};
  }
  const bool made = snapshots_.lives(number);
  failure_ = checkpointed.failure;
  Settled settled = {std::nullopt, made, !made && needed_ == number};
  if (made) {
    settled.outdated = snapshots_.taken(number, limits_.kept);
  } else {
    log_.line("no snapshot was made: " + failure_);
    snapshots_.failed(number);
    processes_.drop(number);
  }
  if (held_ && held_->snapshot == number) settled.held = release();
  if (unconfirmed_ && unconfirmed_->first == number) confirm(made);
  if (checkpoint_ && checkpoint_->number == number) settled.branching = end_checkpoint(made);
  return settled;
}

void Recovery::confirm(bool made) {
  protocol::JsonOf<protocol::Id> id = {std::move(unconfirmed_->second)};
  unconfirmed_.reset();
  if (made) return frames_.write(protocol::Kept{std::move(id)});
  const bool too_large = failure_.empty();
  frames_.write(protocol::NotKept{
      std::move(id), too_large ? "it holds more memory than --snapshot-limit" : failure_});
}

std::optional<Recovery::Branching> Recovery::end_checkpoint(bool made) {
  Checkpoint checkpoint = *std::exchange(checkpoint_, std::nullopt);
  if (made && checkpoint.branch) {
    return Branching{checkpoint.number, std::move(checkpoint.branch->name),
                     std::move(checkpoint.reply)};
  }
  if (checkpoint.branch) {
    checkpoint.reply.refuse(ErrorCode::kInternal, "the system could not make one: " + failure_);
  } else if (made) {
    checkpoint.reply.answer(protocol::CheckpointReply{{}, checkpoint_id(checkpoint.number)});
  } else {
    checkpoint.reply.refuse(ErrorCode::kInvalidField, "the system could not make one");
  }
  return std::nullopt;
}

// ---- requests -------------------------------------------------------------------------------

void Recovery::begin(protocol::Checkpoint& request, ReplyOnce reply) {
  const Number number = take(std::move(request.name), false);
  checkpoint_ = Checkpoint{number, std::move(reply)};
}

// A snapshot that shows the state as it is will do.
std::optional<Recovery::Branching> Recovery::begin(protocol::Branch& request, ReplyOnce reply) {
  const auto number = request.checkpoint_id ? find(*request.checkpoint_id, reply)
                      : snapshots_.is_fresh() && snapshots_.lives(*snapshots_.newest())
                          ? snapshots_.newest()
                          : std::nullopt;
  if (number) return Branching{*number, std::move(request.name), std::move(reply)};
  if (!request.checkpoint_id)
    checkpoint_ = Checkpoint{take(std::nullopt, true), std::move(reply), std::move(request)};
  return std::nullopt;
}

void Recovery::adopt(Number number, Snapshots::Snapshot snapshot) {
  snapshots_.adopt(number, std::move(snapshot));
}

Recovery::Listed Recovery::list() {
  snapshots_.forget_the_dead();
  Listed listed = {{{}, snapshots_.entries()}, {}};
  for (const auto& [number, snapshot] : snapshots_.all()) {
    listed.processes.push_back(processes_.process_of(number));
  }
  return listed;
}

std::optional<Recovery::Number> Recovery::find(const std::string& id, ReplyOnce& reply) {
  snapshots_.forget_the_dead();
  for (const auto& [number, snapshot] : snapshots_.all()) {
    if (checkpoint_id(number) == id) return number;
  }
  reply.refuse(ErrorCode::kInvalidField, "/checkpoint_id: there is no \"" + id + "\"");
  return std::nullopt;
}

void Recovery::begin(protocol::Restore& request, ReplyOnce reply) {
  if (const auto number = find(request.checkpoint_id, reply))
    go_back({RestoredCause::kRestore, number, Answered{*number, std::move(reply)}});
}

// What has been told is kept: when that was the only snapshot that has it, another one is taken.
void Recovery::begin(protocol::CheckpointDrop& request, ReplyOnce reply) {
  const auto number = find(request.checkpoint_id, reply);
  if (!number) return;
  snapshots_.lost(*number);
  snapshots_.drop({*number});
  if (!snapshots_.is_fresh()) offer();
  reply.answer(protocol::CheckpointDropReply{});
}

void Recovery::begin(protocol::Undo& request, ReplyOnce reply) {
  snapshots_.forget_the_dead();
  const std::int64_t count = request.count.value_or(1);
  if (const auto number = snapshots_.back(count)) {
    return go_back({RestoredCause::kUndo, number, Answered{*number, std::move(reply)}});
  }
  reply.refuse(ErrorCode::kInvalidField, "/count: there is no snapshot from before the last " +
                                             std::to_string(count) + " executions; they go back " +
                                             std::to_string(snapshots_.depth()));
}

// ---- from one interpreter to the next -------------------------------------------------------

void Recovery::go_back(Revival revival) {
  revival_ = std::move(revival);
  state_ = State::kCondemned;
  processes_.kill_interpreter();
}

void Recovery::died(const Death& death, bool running, Clock::time_point now) {
  snapshots_.forget_the_dead();
  choose(death, running, now);
  state_ = State::kChosen;
  wakes_by_.reset();
  looks_at_.reset();
  last_words_.reset();
  held_.reset();  // it is undone with the rest
  unconfirmed_.reset();
  if (!checkpoint_) return;
  checkpoint_->reply.refuse(ErrorCode::kInvalidField, "the interpreter died");
  checkpoint_.reset();
}

void Recovery::choose(const Death& death, bool running, Clock::time_point now) {
  const bool at_rest = !running || reviving();  // as it woke it ran no code of the execution
  if (!revival_) {
    revival_ = Revival{
        RestoredCause::kCrash, snapshots_.newest(), {}, signal_name(death), exit_status(death)};
    if (running)
      revival_->then = Crash{protocol::ErrorReason::kCrash, crash_report(death, last_words_)};
  }
  if (revival_->snapshot && !snapshots_.has(*revival_->snapshot))
    revival_->snapshot = snapshots_.newest();
  trust_.died(death, now);
  if (state_ == State::kCondemned || !at_rest) return trust_.died_for_a_reason();
  if (!trust_.died_at_rest(death, revival_->snapshot, now)) revival_->snapshot.reset();
}

bool Recovery::wake(Clock::time_point now) {
  if (!trust_.wakes(revival_->snapshot, now)) return false;
  snapshots_.forget_begun();
  if (revival_->snapshot) wakes_by_ = now + kTimeToWake;
  state_ = State::kWaking;
  processes_.wake(revival_->snapshot.value_or(0));
  return true;
}

std::optional<Recovery::Clock::time_point> Recovery::due() const {
  return wakes_by_ ? wakes_by_ : looks_at_;  // never both: nothing runs while one wakes
}

void Recovery::act(Clock::time_point now) {
  if (wakes_by_ && *wakes_by_ <= now) give_up_waking(now);
  if (looks_at_ && *looks_at_ <= now) look_for_standstill(now);
}

void Recovery::look_for_standstill(Clock::time_point now) {
  looks_at_.reset();
  if (reviving() || held_) return;
  if (!processes_.stands_still()) return begin_execution(now);
  Crash crash = {protocol::ErrorReason::kCrash, {}};
  crash.report.type = "InterpreterDied";
  crash.report.message = waited_for(lost_native_threads_);
  log_.line(crash.report.message);
  go_back({RestoredCause::kCrash, snapshots_.newest(), std::move(crash)});
}

// Hooks of user code's run as it wakes, and may wait for a lock of a thread that is gone.
void Recovery::give_up_waking(Clock::time_point now) {
  wakes_by_.reset();
  log_.line("the snapshot did not wake");
  trust_.did_not_wake(now);
  processes_.kill_interpreter();
}

Recovery::Revival Recovery::finish(const runtime::ExecutionRef& running, pid_t pid,
                                   const runtime::Restored& told) {
  Revival revival = *std::exchange(revival_, std::nullopt);
  state_ = State::kSteady;
  wakes_by_.reset();
  snapshots_.drop(snapshots_.restore(revival.snapshot));
  snapshots_.forget_the_dead();
  lost_native_threads_ = told.lost_native_threads;
  write(revival, running, pid, told);
  if (!snapshots_.is_fresh()) offer();
  if (auto* answered = std::get_if<Answered>(&revival.then)) answer(*answered, revival.snapshot);
  return revival;
}

void Recovery::write(const Revival& revival, const runtime::ExecutionRef& running, pid_t pid,
                     const runtime::Restored& told) {
  protocol::Restored frame = {};
  frame.execution_id = id_of(running);
  if (revival.snapshot) frame.checkpoint_id = checkpoint_id(*revival.snapshot);
  if (snapshots_.execution_id()) {
    frame.last_execution_id = protocol::JsonOf<protocol::Id>{*snapshots_.execution_id()};
  }
  frame.undone.text = list_of(snapshots_.undone());
  frame.cause = revival.cause;
  frame.lost_threads = told.lost_threads;
  frame.lost_devices = told.lost.devices;
  frame.lost_descriptors = told.lost.descriptors;
  frame.pid = pid;
  frame.signal = revival.signal;
  frame.exit_status = revival.exit_status;
  frames_.write(frame);
}

// ---- the rest -------------------------------------------------------------------------------

protocol::SnapshotFacts Recovery::facts() const {
  protocol::SnapshotFacts facts = snapshots_.facts();
  if (!failure_.empty()) facts.failure = failure_;
  return facts;
}

void Recovery::clear() {
  checkpoint_.reset();
  revival_.reset();
}

}  // namespace replwire::server
