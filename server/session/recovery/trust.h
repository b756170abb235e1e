#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "server/link/death.h"

namespace replwire::server {

// Whether what is woken next may be what was woken last. Of a snapshot that dies by itself, and
// again at once, nothing can be had any more, nor of one that is killed each time; and a Python
// that dies each time that it is started anew ends the session. Belongs to Recovery.
class Trust {
 public:
  using Clock = std::chrono::steady_clock;
  using Snapshot = std::optional<std::uint64_t>;  // none: Python anew

  // An execution has ended: whatever it ended with, Python had run it.
  void executed() { starts_anew_ = 0; }
  // An interpreter has died, of whatever.
  void died(const Death& death, Clock::time_point now);
  // Of code that it ran, or because it was to.
  void died_for_a_reason() { deaths_at_rest_ = 0; }
  // Of none. `next` is to be woken in its place; false: that cannot be trusted.
  bool died_at_rest(const Death& death, Snapshot next, Clock::time_point now);
  // It would not the next time either.
  void did_not_wake(Clock::time_point now);
  // False: Python cannot be started any more.
  bool wakes(Snapshot snapshot, Clock::time_point now);

 private:
  Snapshot last_woken_;
  Clock::time_point woken_at_;
  Clock::time_point last_death_at_rest_;
  int deaths_at_rest_ = 0;  // of what wakes of one snapshot, one after the other
  int starts_anew_ = 0;     // one after the other
};

}  // namespace replwire::server
