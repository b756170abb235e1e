#pragma once

#include <sched.h>

#include <atomic>

namespace replwire::server {

// A lock for a few instructions' work, taken millions of times a second by one thread and a few
// hundred times by others: half the price of a std::mutex, and whoever finds it taken costs the
// holder no system call.
class SpinLock {
 public:
  SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  bool try_lock() { return !taken_.exchange(true, std::memory_order_acquire); }
  void unlock() { taken_.store(false, std::memory_order_release); }

  void lock() {
    constexpr int kSpins = 1000;  // longer than the work of a holder that is running
    while (!try_lock()) {
      for (int i = 0; i < kSpins && taken_.load(std::memory_order_relaxed); ++i) continue;
      if (taken_.load(std::memory_order_relaxed)) ::sched_yield();
    }
  }

 private:
  std::atomic<bool> taken_{false};
};

}  // namespace replwire::server
