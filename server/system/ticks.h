#pragma once

#include <chrono>
#include <cstdint>

namespace replwire::server {

// Time for what is shorter than asking the clock for it: processor ticks where they can be read.
#if defined(__x86_64__)
// The quickest write(2) to a pipe takes some 600 ticks, and what comes before and after it 200.
inline constexpr std::uint64_t kShorterThanASystemCall = 700;
inline std::uint64_t ticks() { return __builtin_ia32_rdtsc(); }
#else
inline constexpr std::uint64_t kShorterThanASystemCall = 250;  // nanoseconds
inline std::uint64_t ticks() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}
#endif

}  // namespace replwire::server
