#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>

namespace replwire::server {

// A count that threads, of several processes perhaps, wait for to change. It needs no descriptor,
// and a signal ends the wait.
class Futex {
 public:
  std::uint32_t value() const { return value_; }

  // Until it is no longer `seen`; false when a signal came.
  bool wait(std::uint32_t seen) {
    ++waiting_;
    const long result = ::syscall(SYS_futex, &value_, FUTEX_WAIT, seen, nullptr, nullptr, 0);
    const bool signalled = result != 0 && errno == EINTR;
    --waiting_;
    return !signalled;
  }

  void change_and_wake() {
    ++value_;
    if (waiting_ > 0) ::syscall(SYS_futex, &value_, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }

 private:
  std::atomic<std::uint32_t> value_{0};
  std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace replwire::server
