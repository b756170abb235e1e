#pragma once

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>

#include "server/system/descriptors/descriptor.h"
#include "server/system/descriptors/ready.h"

namespace replwire::server {

// Lets one thread wait until another wakes it.
class Waker {
 public:
  virtual ~Waker() = default;
  // False when a signal came.
  virtual bool wait() = 0;
  // Also before the wait, from any thread.
  virtual void wake() = 0;
};

// For a thread that handles no signals: it costs no descriptor. Whoever wakes it must keep it from
// ending its wait meanwhile, by a lock that it takes behind it.
class ThreadWaker final : public Waker {
 public:
  bool wait() override {
    woken_.wait(false);
    woken_ = false;
    return true;
  }
  void wake() override {
    woken_ = true;
    woken_.notify_one();
  }

 private:
  std::atomic<bool> woken_{false};
};

// For Python's main thread: a signal whose handler has run on it ends the wait as well, which a
// wait on a condition variable would sleep through. Signal handlers may wake it, too.
class EventWaker final : public Waker {
 public:
  bool wait() override {
    std::uint64_t count = 0;
    return ::read(event_.get(), &count, sizeof count) > 0 || errno != EINTR;
  }

  // The same with another signal mask in force while it waits.
  bool wait(const sigset_t& mask) {
    pollfd state = {event_.get(), POLLIN, 0};
    return wait_until_ready({&state, 1}, nullptr, &mask) > 0 && wait();
  }

  // False also when the descriptor is readable (-1: none) or the time is over.
  bool wait(int descriptor, std::optional<std::chrono::nanoseconds> timeout) {
    std::array<pollfd, 2> states = {pollfd{event_.get(), POLLIN, 0}, pollfd{descriptor, POLLIN, 0}};
    const auto nanoseconds = timeout.value_or(std::chrono::nanoseconds(0)).count();
    const timespec time = {nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
    const int ready = wait_until_ready(states, timeout ? &time : nullptr);
    return ready > 0 && states[0].revents != 0 && wait();
  }

  void wake() override {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
  }

  int descriptor() const { return event_.get(); }

 private:
  Descriptor event_{::eventfd(0, EFD_CLOEXEC)};
};

}  // namespace replwire::server
