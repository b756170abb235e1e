#include "server/session/stop/stopper.h"

#include <algorithm>

namespace replwire::server {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstNudge{4};
constexpr milliseconds kLastNudge{512};

}  // namespace

void Stopper::begin(std::optional<Deadline::Duration> timeout, Deadline::Duration grace,
                    Clock::time_point now) {
  deadline_.begin(timeout, grace, now);
}

void Stopper::interrupt(RunningExecution& running, Clock::time_point now, bool by_terminal) {
  running.count_interrupt();
  follow(running.serial(), now);
  by_terminal ? signals_.interrupt(running.serial())
              : signals_.interrupt_all(running.serial(), running.started());
}

void Stopper::insist(Deadline::Duration grace, Clock::time_point now) {
  deadline_.insist(grace, now);
}

void Stopper::interrupt(std::uint64_t serial, RunningExecution* running, bool by_terminal,
                        Clock::time_point now) {
  if (running != nullptr && running->serial() == serial) {
    return interrupt(*running, now, by_terminal);
  }
  if (signals_.is_at_rest(serial)) interrupt_task(serial, now);
}

void Stopper::interrupt_task(std::uint64_t task, Clock::time_point now) {
  signals_.interrupt(task);
  follow(task, now);
}

void Stopper::follow(std::uint64_t serial, Clock::time_point now) {
  nudge_ = Nudge{serial, kFirstNudge, now + kFirstNudge};
}

void Stopper::pause(bool waits, Clock::time_point now) {
  waits ? deadline_.pause(now) : deadline_.resume(now);
}

std::optional<Stopper::Clock::time_point> Stopper::due() const {
  const auto step = deadline_.due();
  if (!nudge_) return step;
  return step ? std::min(*step, nudge_->due) : nudge_->due;
}

bool Stopper::act(RunningExecution* running, Clock::time_point now) {
  if (nudge_ && nudge_->due <= now) nudge(running, now);
  return running != nullptr && take_step(*running, now);
}

void Stopper::nudge(RunningExecution* running, Clock::time_point now) {
  const bool runs = running != nullptr && running->serial() == nudge_->serial;
  if (!runs && !signals_.is_at_rest(nudge_->serial)) return nudge_.reset();
  signals_.nudge();
  nudge_->delay *= 2;
  nudge_->due = now + nudge_->delay;
  if (nudge_->delay > kLastNudge) nudge_.reset();
}

bool Stopper::take_step(RunningExecution& running, Clock::time_point now) {
  const auto step = deadline_.step(now);
  if (!step) return false;
  switch (*step) {
    case Deadline::Step::kInterrupt:
      interrupt(running, now);
      return false;
    case Deadline::Step::kInsist:
      interrupt(running, now, true);
      signals_.terminate_descendants(running.started());
      return false;
    case Deadline::Step::kStuck:
      return true;
  }
  return false;
}

}  // namespace replwire::server
