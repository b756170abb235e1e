#pragma once

#include <string_view>
#include <type_traits>

#include "protocol/encoder.h"
#include "protocol/frames.h"
#include "server/wire/frame_kinds.h"

namespace replwire::server {

// Where a session's frames go, each whole and at once. Knows whether the session has ended, which
// is what a request hears that nobody has answered, and whether any execution failed.
class FrameSink {
 public:
  FrameSink() = default;
  FrameSink(const FrameSink&) = delete;
  FrameSink& operator=(const FrameSink&) = delete;
  virtual ~FrameSink() = default;

  template <class Frame>
  void write(const Frame& frame) {
    if constexpr (std::is_same_v<Frame, protocol::Error>) failed_ = true;
    if constexpr (protocol::names_session<Frame>()) {
      write_as_is(protocol::encode(frame), kind_of<Frame>);
    } else {
      write_line(protocol::encode(frame), kind_of<Frame>);
    }
  }

  void end() { ended_ = true; }
  bool ended() const { return ended_; }
  bool failed() const { return failed_; }

 private:
  virtual void write_line(std::string_view line, FrameKind kind) = 0;
  // It says itself which session it means.
  virtual void write_as_is(std::string_view line, FrameKind kind) { write_line(line, kind); }

  bool ended_ = false;
  bool failed_ = false;  // an `error` was written
};

}  // namespace replwire::server
