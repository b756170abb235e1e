// What the session says of itself: when asked, and at intervals.
#include "server/session/frame_values.h"
#include "server/session/session.h"
#include "server/system/process_facts.h"

namespace replwire::server {

void Session::on(protocol::Status& request, ReplyOnce reply) {
  if (!request.stack.value_or(false)) {
    protocol::StatusReply facts = {};
    fill(facts);
    return reply.answer(std::move(facts));
  }
  stack_asked_.push_back(std::move(reply));
  parts_.stack.take([this](const WorkerStack::Outcome& outcome) {
    const LockAndDeliver lock(*this);
    if (!exiting_) reply_with(outcome);
  });
}

// To the oldest status that asked for a stack: their answers come in order.
void Session::reply_with(const WorkerStack::Outcome& outcome) {
  ReplyOnce reply = std::move(stack_asked_.front());
  stack_asked_.pop_front();
  protocol::StatusReply facts = {};
  fill(facts);
  facts.stack = stack_of(outcome);
  if (!facts.stack) facts.stack_unavailable = std::get<const char*>(outcome);
  reply.answer(std::move(facts));
}

// A client that reads nothing is not buried in them.
void Session::beat() {
  const LockAndDeliver lock(*this);
  if (exiting_ || !parts_.outputs.has_room()) return;
  protocol::Heartbeat heartbeat = {};
  fill(heartbeat);
  write(heartbeat);
}

void Session::fill(protocol::SessionFacts& facts) const {
  if (running_) {
    const bool waits = questions_.waits_for(running_->execution->serial);
    facts.state = waits ? protocol::State::kWaitingForInput : protocol::State::kBusy;
    facts.execution_id = running_->reply.id();
    facts.elapsed = seconds(Clock::now() - running_->started);
  } else if (busy()) {
    facts.state = protocol::State::kBusy;
  }
  facts.queued = static_cast<std::int64_t>(queue_.size());
  facts.pending_inputs = questions_.ids();
  facts.memory_usage = resident_bytes(parts_.link.process());
  facts.cpu_seconds = cpu_seconds(parts_.link.process());
  facts.snapshots = snapshot_facts();
}

}  // namespace replwire::server
