#pragma once

#include <chrono>
#include <functional>

#include "server/system/asio.h"

namespace replwire::server {

// Calls `ring` on the io_context at a set time. To set or cancel it, from any thread, is one system
// call that wakes nobody; the owner guards it, and a ring that was on its way still comes.
class Alarm {
 public:
  using Clock = std::chrono::steady_clock;

  Alarm(asio::io_context& io, std::function<void()> ring);
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void set(Clock::time_point when);
  void set_in(std::chrono::nanoseconds time);
  void cancel();

 private:
  void program(std::chrono::nanoseconds time, int flags);
  void wait();

  asio::posix::stream_descriptor timer_;  // a timerfd
  std::function<void()> ring_;
};

}  // namespace replwire::server
