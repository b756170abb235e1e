#pragma once

#include <poll.h>

namespace replwire::server {

// Takes a lock for good, from a signal handler. Whoever has it needs it for microseconds, unless it
// is this very thread, or one that the same crash has stopped: then it is done without.
template <class Mutex>
void seize(Mutex& mutex) {
  constexpr int kMilliseconds = 500;
  for (int i = 0; !mutex.try_lock() && i < kMilliseconds; ++i) ::poll(nullptr, 0, 1);
}

}  // namespace replwire::server
