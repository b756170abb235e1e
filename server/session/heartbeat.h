#pragma once

#include <chrono>
#include <functional>

#include "server/system/asio.h"

namespace replwire::server {

// Calls `beat` at an interval, on the io_context: whatever Python does, and never in a burst.
class Heartbeat {
 public:
  Heartbeat(asio::io_context& io, double seconds, std::function<void()> beat);
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // The first comes an interval later.
  void start();

 private:
  using Clock = std::chrono::steady_clock;

  void wait();

  Clock::duration interval_;
  std::function<void()> beat_;
  asio::steady_timer timer_;
};

}  // namespace replwire::server
