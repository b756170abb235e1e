#include "server/session/recovery/trust.h"

#include <sys/wait.h>

#include <csignal>

namespace replwire::server {
namespace {

constexpr std::chrono::milliseconds kOneAfterTheOther{1000};
constexpr int kMostStartsAnew = 3;
constexpr int kMostDeaths = 2;  // of what wakes of one snapshot
constexpr int kMostKills = 10;

// By something outside that wants it dead; the system that is out of memory does not count.
bool was_killed(const Death& death) {
  return death.pid != 0 && WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGKILL &&
         !death.out_of_memory;
}

}  // namespace

// Started, and no more than that: something outside has ended it.
void Trust::died(const Death& death, Clock::time_point now) {
  const bool lived = now - woken_at_ >= kOneAfterTheOther;
  if (death.started && (lived || was_killed(death))) starts_anew_ = 0;
}

bool Trust::died_at_rest(const Death& death, Snapshot next, Clock::time_point now) {
  const bool again =
      last_woken_ && last_woken_ == next && now - last_death_at_rest_ < kOneAfterTheOther;
  deaths_at_rest_ = again ? deaths_at_rest_ + 1 : 1;
  last_death_at_rest_ = now;
  if (deaths_at_rest_ < (was_killed(death) ? kMostKills : kMostDeaths)) return true;
  deaths_at_rest_ = 0;
  return false;
}

void Trust::did_not_wake(Clock::time_point now) {
  last_death_at_rest_ = now;
  deaths_at_rest_ = kMostKills;
}

bool Trust::wakes(Snapshot snapshot, Clock::time_point now) {
  if (!snapshot && ++starts_anew_ > kMostStartsAnew) return false;
  last_woken_ = snapshot;
  woken_at_ = now;
  return true;
}

}  // namespace replwire::server
