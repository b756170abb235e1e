#pragma once

#include <string_view>

#include "protocol/encoder.h"
#include "server/wire/frame_kinds.h"

namespace replwire::server {

// Where a session's frames go, each whole and at once. Knows whether the session has ended, which
// is what a request hears that nobody has answered.
class FrameSink {
 public:
  FrameSink() = default;
  FrameSink(const FrameSink&) = delete;
  FrameSink& operator=(const FrameSink&) = delete;
  virtual ~FrameSink() = default;

  template <class Frame>
  void write(const Frame& frame) {
    write_line(protocol::encode(frame), kind_of<Frame>);
  }

  void end() { ended_ = true; }
  bool ended() const { return ended_; }

 private:
  virtual void write_line(std::string_view line, FrameKind kind) = 0;

  bool ended_ = false;
};

}  // namespace replwire::server
