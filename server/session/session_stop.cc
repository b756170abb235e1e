// How the session stops what runs: interrupts, deadlines.
#include "server/session/session.h"

#include <csignal>

#include "server/session/frame_values.h"

namespace replwire::server {
namespace {

using protocol::ErrorReason;
using protocol::InterruptOutcome;
using std::chrono::milliseconds;

constexpr milliseconds kFirstNudge{4};
constexpr milliseconds kLastNudge{512};

// As the interpreter prints one.
std::string text_of(const std::optional<std::vector<protocol::StackEntry>>& stack) {
  if (!stack) return {};
  std::string text = "Stack (most recent call last):\n";
  for (const auto& [filename, line, function] : *stack) {
    text += "  File \"" + filename + "\", line " + std::to_string(line) + ", in " + function + "\n";
  }
  return text;
}

}  // namespace

void Session::on(protocol::Interrupt& request, ReplyOnce reply) {
  protocol::InterruptReply told = {{}, request.execution_id, InterruptOutcome::kNotRunning};
  const std::string id = request.execution_id ? json_of(*request.execution_id) : "";
  const auto queued = queued_ids_.find(id);
  if (queued != queued_ids_.end()) {
    told.outcome = InterruptOutcome::kDequeued;
    reply.answer(std::move(told));
    return end_queued(queued->second, ErrorReason::kCancelled);
  }
  const bool running = running_ && (!request.execution_id || running_->execution->id == id);
  if (running) {
    told.execution_id = running_->reply.id();
    told.outcome = InterruptOutcome::kDelivered;
  }
  // A task that runs at rest.
  const std::uint64_t task =
      running_ || request.execution_id ? 0 : parts_.link.control().busy_task();
  if (task != 0) told.outcome = InterruptOutcome::kDelivered;
  reply.answer(std::move(told));
  if (task != 0) interrupt_at_rest(task);
  if (!running) return;
  interrupt_running();
  if (!request.grace) return;
  deadline_.check_deadline(duration(*request.grace), Clock::now());
  watch_time();
}

// The worker first: code that waits for a child must not see it gone and go on. The descendants
// right behind it, found before, since Python's subprocess looks for its child's end at once and
// then a millisecond later; a parent that dies takes away the trace of its own children as well.
void Session::interrupt_running(bool descendants_too) {
  ++running_->interrupts;
  const auto found = descendants_too ? descendants_of_running() : Descendants();
  parts_.link.interrupt(running_->execution->serial, found.newest_child());
  found.signal(SIGINT);
  nudge_later(running_->execution->serial, kFirstNudge);
  // What was started in between.
  if (descendants_too) descendants_of_running(found.pids()).signal(SIGINT);
}

// With the lock held: what the next execution starts must not be met.
Descendants Session::descendants_of_running(std::vector<pid_t> except) const {
  const auto earlier = parts_.link.earlier_children();
  except.insert(except.end(), earlier.begin(), earlier.end());
  return Descendants::started_since(parts_.link.process(), running_->started, except);
}

void Session::interrupt_at_rest(std::uint64_t target) {
  parts_.link.interrupt(target);
  nudge_later(target, kFirstNudge);
}

// A signal that comes just before a system call does not end it; the next one does, and does
// nothing else.
void Session::nudge_later(std::uint64_t serial, milliseconds delay) {
  nudging_.expires_after(delay);
  nudging_.async_wait([this, serial, delay](const boost::system::error_code& error) {
    const LockAndDeliver lock(*this);
    if (error) return;
    const bool running = running_ && running_->execution->serial == serial;
    if (!running && !runtime::InterpreterControl::is_at_rest(serial)) return;
    parts_.link.nudge();
    if (delay < kLastNudge) nudge_later(serial, delay * 2);
  });
}

void Session::interrupt_from_outside(std::uint64_t serial, bool by_terminal) {
  const LockAndDeliver lock(*this);
  if (running_ && running_->execution->serial == serial) return interrupt_running(!by_terminal);
  if (runtime::InterpreterControl::is_at_rest(serial)) interrupt_at_rest(serial);
}

// ---- deadlines ------------------------------------------------------------------------------

bool Session::pauses_for_input() const {
  return !running_->timeout_includes_input && questions_.waits_for(running_->execution->serial);
}

// After whatever may have moved the time at which something is due.
void Session::watch_time() {
  if (!running_ || !deadline_.active()) return;
  pauses_for_input() ? deadline_.pause(Clock::now()) : deadline_.resume(Clock::now());
  deadline_.due() ? alarm_.set(*deadline_.due()) : alarm_.cancel();
}

void Session::check_deadline() {
  const LockAndDeliver lock(*this);
  if (!running_ || revival_) return;
  if (const auto step = deadline_.step(Clock::now())) act(*step);
  watch_time();
}

void Session::act(Deadline::Step step) {
  switch (step) {
    case Deadline::Step::kInterrupt:
      return interrupt_running();
    case Deadline::Step::kInsist:
      interrupt_running(false);
      return descendants_of_running().signal(SIGTERM);
    case Deadline::Step::kStuck:
      return parts_.stack.take(
          [this, serial = running_->execution->serial](const WorkerStack::Outcome& outcome) {
            const LockAndDeliver lock(*this);
            // Or it has ended in the very last moment.
            const bool runs = running_ && running_->execution->serial == serial;
            if (runs && !revival_) stuck(outcome);
          });
  }
}

void Session::stuck(const WorkerStack::Outcome& outcome) {
  const auto stack = stack_of(outcome);
  if (options_.on_stuck == "exit") {
    descendants_of_running().signal(SIGKILL);  // nothing of the execution is left behind
    die("timeout", text_of(stack), kBroken);
  }
  if (options_.survive) return end_interpreter(text_of(stack));
  write(protocol::Stuck{*running_->reply.id(), seconds(Clock::now() - running_->started), stack});
}

}  // namespace replwire::server
