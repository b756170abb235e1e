#include "server/system/alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace replwire::server {

using std::chrono::nanoseconds;

Alarm::Alarm(asio::io_context& io, std::function<void()> ring)
    : timer_(io, ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      ring_(std::move(ring)) {
  wait();
}

void Alarm::set(Clock::time_point when) { program(when.time_since_epoch(), TFD_TIMER_ABSTIME); }

void Alarm::set_in(nanoseconds time) { program(time, 0); }

void Alarm::cancel() {
  const itimerspec never = {};
  ::timerfd_settime(timer_.native_handle(), 0, &never, nullptr);
}

void Alarm::program(nanoseconds time, int flags) {
  time = std::max(time, nanoseconds(1));  // zero would be never
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  itimerspec when = {};
  when.it_value.tv_sec = seconds.count();
  when.it_value.tv_nsec = (time - seconds).count();
  ::timerfd_settime(timer_.native_handle(), flags, &when, nullptr);
}

void Alarm::wait() {
  timer_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& error) {
                      if (error) return;
                      std::uint64_t times = 0;
                      // Not when it was set anew meanwhile; but when user code closed it, which the
                      // ring finds out.
                      const auto size = ::read(timer_.native_handle(), &times, sizeof times);
                      if (size > 0 || errno != EAGAIN) ring_();
                      wait();
                    });
}

}  // namespace replwire::server
