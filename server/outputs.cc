#include "server/outputs.h"

#include <sys/timerfd.h>

#include <algorithm>
#include <utility>

#include "protocol/encoder.h"
#include "protocol/frames.h"
#include "text/json_text.h"
#include "text/utf8.h"

namespace replwire::server {
namespace {

using runtime::ExecutionRef;
using runtime::Stream;

constexpr std::size_t kFrameBytes = 60 * 1024;
constexpr std::size_t kFlushBytes = 32 * 1024;
constexpr long kFlushNanoseconds = 4'000'000;

constexpr std::string_view kEnd = "\"}\n";

std::string_view name_of(Stream stream) {
  return stream == Stream::kStdout ? "stdout" : "stderr";
}

}  // namespace

Outputs::Outputs(asio::io_context& io, FrameWriter& writer, std::size_t limit)
    : writer_(writer),
      limit_(limit),
      timer_(io, ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  incomplete_[0].stream = Stream::kStdout;
  incomplete_[1].stream = Stream::kStderr;
  wait_for_timer();
}

bool Outputs::write(const ExecutionRef& execution, Stream stream, std::string_view bytes) {
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    if (pieces_.empty() || pieces_.back().stream != stream ||
        pieces_.back().execution != execution) {
      pieces_.push_back({execution, stream, {}});
    }
    pieces_.back().bytes.append(bytes);
    size_ += bytes.size();
    full = open_ && size_ >= kFlushBytes;
    if (open_ && !full && !armed_) arm_timer();
  }
  if (full) send(false);
  return has_room();
}

void Outputs::flush() { send(true); }

void Outputs::open() {
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
  }
  flush();
}

void Outputs::set_running(std::uint64_t serial) {
  const std::lock_guard lock(sending_);
  running_ = serial;
}

void Outputs::arm_timer() {
  armed_ = true;
  itimerspec when = {};
  when.it_value.tv_nsec = kFlushNanoseconds;
  ::timerfd_settime(timer_.native_handle(), 0, &when, nullptr);
}

void Outputs::wait_for_timer() {
  timer_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& error) {
                      if (error) return;
                      std::uint64_t expired = 0;
                      [[maybe_unused]] const auto size =
                          ::read(timer_.native_handle(), &expired, sizeof expired);
                      {
                        const std::lock_guard lock(mutex_);
                        armed_ = false;
                      }
                      send(false);
                      wait_for_timer();
                    });
}

void Outputs::send(bool whole) {
  const std::lock_guard sending(sending_);
  std::vector<Piece> pieces;
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    pieces.swap(pieces_);
    size_ = 0;
  }
  std::string frames;
  for (Piece& piece : pieces) append_piece(frames, piece);
  if (whole) append_incomplete(frames);
  if (!frames.empty()) writer_.write(frames);
}

void Outputs::append_piece(std::string& frames, Piece& piece) {
  Piece& before = incomplete_[static_cast<std::size_t>(piece.stream)];
  if (!before.bytes.empty()) {
    if (before.execution == piece.execution) {
      piece.bytes.insert(0, std::exchange(before.bytes, {}));
    } else {
      append_incomplete(frames);
    }
  }
  const std::size_t tail = text::incomplete_tail(piece.bytes);
  const std::size_t whole = piece.bytes.size() - tail;
  append_frames(frames, piece.execution, piece.stream, std::string_view(piece.bytes).substr(0, whole));
  if (tail != 0) before = {piece.execution, piece.stream, piece.bytes.substr(whole)};
}

void Outputs::append_incomplete(std::string& frames) {
  for (Piece& piece : incomplete_) {
    append_frames(frames, piece.execution, piece.stream, std::exchange(piece.bytes, {}));
  }
}

void Outputs::append_frames(std::string& frames, const ExecutionRef& execution, Stream stream,
                            std::string_view bytes) const {
  if (bytes.empty()) return;
  protocol::Output frame = {};
  frame.stream = name_of(stream);
  if (execution) {
    frame.execution_id = protocol::JsonOf<protocol::Id>{execution->id};
    if (execution->serial != running_) {
      frame.late = true;
      frame.execution_count = execution->count;
    }
  }
  std::string start = protocol::encode(frame);
  start.resize(start.size() - kEnd.size());
  while (!bytes.empty()) {
    frames.append(start);
    const std::size_t room = kFrameBytes - start.size() - kEnd.size();
    bytes.remove_prefix(text::append_escaped(frames, bytes, room));
    frames.append(kEnd);
  }
}

bool Outputs::wait_for_room(Waker& waker) {
  {
    const std::lock_guard lock(waiting_mutex_);
    if (has_room()) return true;
    waiting_.push_back(&waker);
  }
  const bool woken = waker.wait();
  const std::lock_guard lock(waiting_mutex_);
  std::erase(waiting_, &waker);
  return woken && has_room();
}

void Outputs::wake_waiting() {
  const std::lock_guard lock(waiting_mutex_);
  for (Waker* waker : waiting_) waker->wake();
}

void Outputs::lift_limit() {
  unlimited_ = true;
  wake_waiting();
}

}  // namespace replwire::server
