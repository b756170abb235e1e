#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "server/output/shared_output.h"
#include "server/system/futex.h"
#include "server/wire/frame_writer.h"

namespace replwire::server {

// Whether there is room for more output: none while the client is behind by more than the limit.
// Any thread may ask, wait, or say that it has changed; there is no lock.
class OutputRoom {
 public:
  // `shared`: where to say so to another process; null: there is none.
  OutputRoom(FrameWriter& writer, std::size_t limit, SharedOutput* shared)
      : writer_(writer), limit_(limit), shared_(shared) {}
  OutputRoom(const OutputRoom&) = delete;
  OutputRoom& operator=(const OutputRoom&) = delete;

  bool any() const { return unlimited_ || !behind(); }
  // Behind, even where the limit was lifted.
  bool behind() const { return writer_.pending() > limit_; }

  // True when there is room; false when a signal came.
  bool wait() {
    const std::uint32_t seen = changes_.value();
    return any() || (changes_.wait(seen) && any());
  }
  // The client has caught up.
  void wake() {
    changes_.change_and_wake();
    tell();
  }
  // From here on there is always room: the session ends.
  void lift_limit() {
    unlimited_ = true;
    tell();
    changes_.change_and_wake();
  }
  // Whoever writes in the other process is to wait while there is none. Several threads may say so
  // at once, and what the last one saw may be over before it stands there: so it is looked at once
  // more.
  void tell() {
    if (shared_ == nullptr) return;
    for (bool full = !any();; full = !full) {
      shared_->set_behind(full);
      if (full == !any()) return;
    }
  }

 private:
  FrameWriter& writer_;
  const std::size_t limit_;
  SharedOutput* const shared_;
  std::atomic<bool> unlimited_{false};
  Futex changes_;
};

}  // namespace replwire::server
