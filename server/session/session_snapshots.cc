// How the session takes snapshots of its interpreter, tells of them and goes back to one.
#include <unistd.h>

#include <algorithm>

#include "server/session/frame_values.h"
#include "server/session/session.h"
#include "server/system/process_facts.h"

namespace replwire::server {
namespace {

using protocol::ErrorCode;
using protocol::RestoredCause;
using std::chrono::milliseconds;

constexpr milliseconds kTimeForFacts{20};

}  // namespace

bool Session::snapshots_are_of_use() const {
  return options_.survive && !stopping_ && !shutting_down_ && !(input_ended_ && queue_.empty());
}

// Unless the interpreter is too large.
std::optional<std::uint64_t> Session::offer_snapshot() {
  if (!snapshots_are_of_use()) return std::nullopt;
  const std::uint64_t number = snapshots_.begin(std::nullopt, true);
  parts_.link.post(runtime::Checkpoint{number, options_.snapshot_limit, !options_.survive_fast});
  return number;
}

// The one behind the execution that starts: sent with it, it costs nothing when the reply is due.
std::optional<std::uint64_t> Session::offer_snapshot_behind(const runtime::Execution& execution) {
  if (!snapshots_are_of_use()) return std::nullopt;
  const std::uint64_t number = snapshots_.begin_next(execution.id, execution.count);
  parts_.link.post(runtime::Checkpoint{number, options_.snapshot_limit, !options_.survive_fast});
  return number;
}

// However large the interpreter is. Returns its number.
std::uint64_t Session::take_snapshot(std::optional<std::string> name, bool automatic) {
  const std::uint64_t number = snapshots_.begin(std::move(name), automatic);
  parts_.link.post(runtime::Checkpoint{number, std::nullopt, true});
  return number;
}

// A transaction does until there is the one that it may go back to.
bool Session::waits_for_snapshot(const Queued& next) {
  const auto* execute = std::get_if<protocol::Execute>(&next.request);
  if (execute == nullptr || !is_transaction(*execute) || snapshots_.is_fresh()) return false;
  if (!snapshots_.is_being_made()) needed_ = take_snapshot(std::nullopt, true);
  return true;
}

void Session::refuse_transaction() {
  if (queue_.empty() || !waits_for_snapshot(queue_.front())) return;
  const auto first = queue_.begin();
  const bool stop = std::get<protocol::Execute>(first->request).stop_on_error.value_or(false);
  end_queued(first, protocol::ErrorReason::kAborted,
             "the system could not make the snapshot that the transaction may go back to");
  stop_after_failure(stop);
}

void Session::drop(const std::vector<std::uint64_t>& snapshots) {
  for (const std::uint64_t number : snapshots) parts_.link.drop(number);
}

// Snapshots that something outside has killed, before one of them is chosen.
void Session::forget_the_dead() {
  std::vector<std::uint64_t> dead;
  for (const auto& [number, snapshot] : snapshots_.all()) {
    if (parts_.link.process_of(number) <= 0) dead.push_back(number);
  }
  for (const std::uint64_t number : dead) snapshots_.lost(number);
  drop(dead);
}

void Session::on(const runtime::Checkpointed& checkpointed) {
  const std::uint64_t number = checkpointed.number;
  // It must not push out the one that is to be restored.
  if (is_given_up()) return parts_.link.drop(number);
  const bool made = parts_.link.process_of(number) > 0;
  snapshot_failure_ = checkpointed.failure;
  if (made) {
    drop(snapshots_.taken(number, options_.snapshots));
  } else {
    parts_.log.line("no snapshot was made: " + checkpointed.failure);
    if (needed_ == number) refuse_transaction();
    snapshots_.failed(number);
    parts_.link.drop(number);
  }
  if (held_ && held_->snapshot == number) tell_held(made);
  if (unconfirmed_ && unconfirmed_->first == number) {
    if (made) write(protocol::Kept{{std::move(unconfirmed_->second)}});
    unconfirmed_.reset();
  }
  if (asked_for_ == number) reply_to_checkpoint(number, made);
  start_next();  // or the end, which may have waited for it
}

void Session::reply_to_checkpoint(std::uint64_t number, bool made) {
  asked_for_.reset();
  if (made) {
    in_turn_->answer(protocol::CheckpointReply{{}, checkpoint_id(number)});
  } else {
    in_turn_->refuse(ErrorCode::kInvalidField, "the system could not make one");
  }
  in_turn_.reset();
}

void Session::begin(protocol::Checkpoint& request, Queued& queued) {
  in_turn_ = std::move(queued.reply);
  asked_for_ = take_snapshot(std::move(request.name), false);
}

void Session::begin(protocol::Checkpoints& /*request*/, Queued& queued) {
  forget_the_dead();
  protocol::CheckpointsReply reply = {};
  for (const auto& [number, snapshot] : snapshots_.all()) {
    protocol::CheckpointEntry entry = {};
    entry.checkpoint_id = checkpoint_id(number);
    entry.name = snapshot.name;
    entry.automatic = snapshot.automatic;
    entry.age = seconds(Clock::now() - snapshot.taken);
    entry.memory = proportional_bytes(parts_.link.process_of(number));
    if (snapshot.execution_id) {
      entry.execution_id = protocol::JsonOf<protocol::Id>{*snapshot.execution_id};
    }
    entry.execution_count = snapshot.execution_count;
    reply.checkpoints.push_back(std::move(entry));
  }
  queued.reply.answer(std::move(reply));
}

void Session::begin(protocol::Restore& request, Queued& queued) {
  forget_the_dead();
  for (const auto& [number, snapshot] : snapshots_.all()) {
    if (checkpoint_id(number) != request.checkpoint_id) continue;
    return revive(
        {RestoredCause::kRestore, number, Answered{number, std::move(queued.reply)}, true});
  }
  queued.reply.refuse(ErrorCode::kInvalidField,
                      "/checkpoint_id: there is no \"" + request.checkpoint_id + "\"");
}

void Session::begin(protocol::Undo& request, Queued& queued) {
  forget_the_dead();
  const std::int64_t count = request.count.value_or(1);
  if (const auto number = snapshots_.back(count)) {
    return revive({RestoredCause::kUndo, number, Answered{*number, std::move(queued.reply)}, true});
  }
  queued.reply.refuse(ErrorCode::kInvalidField,
                      "/count: there is no snapshot from before the last " + std::to_string(count) +
                          " executions; they go back " + std::to_string(snapshots_.depth()));
}

bool Session::rolls_back(const runtime::Outcome& outcome) const {
  if (!running_->before || parts_.link.process_of(*running_->before) <= 0) return false;
  return running_->transaction == protocol::Transaction::kRollbackAlways ||
         (running_->transaction == protocol::Transaction::kRollbackOnFailure &&
          !std::holds_alternative<runtime::Completed>(outcome));
}

// As many as can be asked in the time that a status has.
std::optional<protocol::SnapshotFacts> Session::snapshot_facts() const {
  if (!options_.survive) return std::nullopt;
  protocol::SnapshotFacts facts = {};
  if (!snapshot_failure_.empty()) facts.failure = snapshot_failure_;
  const Clock::time_point end = Clock::now() + kTimeForFacts;
  for (const auto& [number, snapshot] : snapshots_.all()) {
    ++facts.count;
    if (Clock::now() < end) facts.memory += proportional_bytes(parts_.link.process_of(number));
  }
  return facts;
}

std::vector<pid_t> Session::own_processes() const {
  std::vector<pid_t> own;
  for (const auto& [number, snapshot] : snapshots_.all()) {
    own.push_back(parts_.link.process_of(number));
  }
  own.push_back(parts_.link.process_of(0));
  own.push_back(parts_.link.keeper());
  return own;
}

}  // namespace replwire::server
