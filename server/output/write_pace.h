#pragma once

#include <atomic>
#include <cstdint>

#include "server/system/ticks.h"

namespace replwire::server {

// Whether a write to a descriptor may lie between two writes of Python's own. It takes a system
// call: between two writes that begin within less time than half of what the quickest of them took
// when the process started, there is none. (Half, since later ones find all in the caches.) So a
// loop of prints, each of which is two writes, need not look into the capture pipes every time.
class WritePace {
 public:
  WritePace() : quickest_(measure()) {}
  explicit WritePace(std::uint64_t quickest) : quickest_(quickest) {}

  // Python is about to write.
  bool other_writes_fit() {
    const std::uint64_t now = ticks();
    const std::uint64_t before = last_.load(std::memory_order_relaxed);
    last_.store(now, std::memory_order_relaxed);
    return now - before >= quickest_;
  }
  // The pipes have been looked into.
  void note_look() { last_.store(ticks(), std::memory_order_relaxed); }

  // Half of the quickest of some writes to a pipe, in ticks; 0: it could not be measured.
  static std::uint64_t measure();

 private:
  const std::uint64_t quickest_;
  std::atomic<std::uint64_t> last_{0};
};

}  // namespace replwire::server
