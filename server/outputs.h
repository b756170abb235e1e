#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/link.h"
#include "server/asio.h"
#include "server/frame_writer.h"
#include "server/waker.h"

namespace replwire::server {

// What executions write, on its way into `output` frames: gathered for a few milliseconds, so that
// a loop of prints costs no frame each, in the order in which it was written. Any thread writes;
// a timer on the io_context sends what nothing else has sent.
class Outputs {
 public:
  Outputs(asio::io_context& io, FrameWriter& writer, std::size_t limit);
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  // False when the client is behind by more than the limit.
  bool write(const runtime::ExecutionRef& execution, runtime::Stream stream,
             std::string_view bytes);

  // Sends what has been written, a character that is not complete included.
  void flush();

  // Until `open` everything is kept: `ready` comes first.
  void open();

  // Says which execution runs (0: none); output of any other one is late.
  void set_running(std::uint64_t serial);

  bool has_room() const { return unlimited_ || writer_.pending() <= limit_; }
  // True when there is room; false when a signal came. `waker` is the calling thread's.
  bool wait_for_room(Waker& waker);
  void wake_waiting();
  // From here on there is always room: the session ends.
  void lift_limit();

 private:
  struct Piece {
    runtime::ExecutionRef execution;
    runtime::Stream stream;
    std::string bytes;
  };

  void arm_timer();
  void wait_for_timer();
  void send(bool whole);
  void append_frames(std::string& frames, const runtime::ExecutionRef& execution,
                     runtime::Stream stream, std::string_view bytes) const;
  void append_piece(std::string& frames, Piece& piece);
  void append_incomplete(std::string& frames);

  FrameWriter& writer_;
  const std::size_t limit_;
  std::atomic<bool> unlimited_{false};

  std::mutex sending_;  // taken before `mutex_`; keeps frames in order
  std::uint64_t running_ = 0;
  std::array<Piece, 2> incomplete_;  // per stream: a character whose rest has not come

  std::mutex mutex_;
  std::vector<Piece> pieces_;
  std::size_t size_ = 0;
  bool open_ = false;
  bool armed_ = false;

  asio::posix::stream_descriptor timer_;  // a timerfd: arming it wakes no thread

  std::mutex waiting_mutex_;
  std::vector<Waker*> waiting_;
};

}  // namespace replwire::server
