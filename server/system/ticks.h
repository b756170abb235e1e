#pragma once

#include <chrono>
#include <cstdint>

namespace replwire::server {

// Time for what is shorter than asking the clock for it: processor ticks where they can be read.
#if defined(__x86_64__)
inline std::uint64_t ticks() { return __builtin_ia32_rdtsc(); }
#else
inline std::uint64_t ticks() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}
#endif

}  // namespace replwire::server
