#pragma once

#include <csignal>

namespace replwire::server {

// While one lives on a thread, a deadly signal that somebody sent (not a fault of the thread's own)
// waits: its handler writes the last words, and must find what it reads in order.
class Critical {
 public:
  Critical() { ++depth_; }
  Critical(const Critical&) = delete;
  Critical& operator=(const Critical&) = delete;
  ~Critical() {
    if (--depth_ > 0 || deferred_ == 0) return;
    std::raise(deferred_);
  }

  // For the handler: whether the signal is to wait.
  static bool defer(int signal) {
    if (depth_ == 0) return false;
    deferred_ = signal;
    return true;
  }

 private:
  inline static thread_local int depth_ = 0;
  inline static thread_local volatile std::sig_atomic_t deferred_ = 0;
};

}  // namespace replwire::server
