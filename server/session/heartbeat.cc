#include "server/session/heartbeat.h"

#include <algorithm>

namespace replwire::server {

Heartbeat::Heartbeat(asio::io_context& io, double seconds, std::function<void()> beat)
    : interval_(
          std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))),
      beat_(std::move(beat)),
      timer_(io) {}

void Heartbeat::start() {
  timer_.expires_after(interval_);
  wait();
}

void Heartbeat::wait() {
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    beat_();
    // Those that a process that was stopped has missed are not made up for.
    timer_.expires_at(std::max(timer_.expiry() + interval_, Clock::now()));
    wait();
  });
}

}  // namespace replwire::server
