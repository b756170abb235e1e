#include "server/wire/frame_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "server/system/critical.h"
#include "server/system/seize.h"

namespace replwire::server {
namespace {

constexpr int kPipeBytes = 256 * 1024;  // fewer turns between us and the client in a flood

mode_t file_kind(int fd) {
  struct stat status = {};
  return ::fstat(fd, &status) == 0 ? status.st_mode & S_IFMT : 0;
}

// The same pipe or terminal through a description of its own: O_NONBLOCK on the inherited one
// would be set for everybody who shares it.
Descriptor reopened(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return Descriptor(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

}  // namespace

FrameWriter::FrameWriter(asio::io_context& io, Descriptor output, std::size_t low_water,
                         Events events)
    : io_(io), low_water_(low_water), events_(std::move(events)), output_(std::move(output)) {
  const mode_t kind = file_kind(output_.get());
  socket_ = kind == S_IFSOCK;
  regular_ = kind == S_IFREG;
  if (kind != S_IFIFO && kind != S_IFCHR && !socket_) return;  // a file always has room
  if (kind == S_IFIFO) ::fcntl(output_.get(), F_SETPIPE_SZ, kPipeBytes);
  if (!socket_) {
    Descriptor own = reopened(output_.get());
    blocking_ = !own;
    if (own) output_ = std::move(own);
  }
  boost::system::error_code error;
  stream_.emplace(io_);
  stream_->assign(output_.get(), error);
  if (error) {
    stream_.reset();  // such as /dev/null
  } else {
    asio::post(io_, [this] { watch_reader(); });
  }
}

void FrameWriter::write(std::string_view frames, FrameKind kind) {
  const Critical critical;
  const std::lock_guard lock(mutex_);
  if (recording_ != nullptr) recording_->sent(frames);
  if (gone_) return;
  const bool waits = !nothing_waits();
  const std::size_t written = waits ? 0 : write_directly(frames);
  if (gone_ || written == frames.size()) return;
  keep(frames, written, kind);
  count();
  if (!waits) asio::post(io_, [this] { wait_for_room(); });
}

std::size_t FrameWriter::write_directly(std::string_view frames) {
  direct_ = frames;
  direct_sent_ = 0;
  write_now(frames, direct_sent_);
  direct_ = {};
  return std::exchange(direct_sent_, 0);
}

// `written` bytes have gone out, which may end in the middle of a frame: no reply before its end.
void FrameWriter::keep(std::string_view frames, std::size_t written, FrameKind kind) {
  const std::string_view rest = frames.substr(written);
  if (kind == FrameKind::kReply && written == 0) {
    if (replies_.empty() || replies_.back().behind != ordered_) replies_.push_back({ordered_, {}});
    replies_.back().frames.append(rest);
    return;
  }
  const std::uint64_t place = before_ + pending_.size();
  pending_.append(rest);
  if (kind != FrameKind::kOutput) {
    ordered_ = before_ + pending_.size();
  } else if (written > 0 && frames[written - 1] != '\n') {
    ordered_ = place + rest.find('\n') + 1;
  }
}

void FrameWriter::count() {
  std::size_t replies = 0;
  for (const Reply& reply : replies_) replies += reply.frames.size();
  waiting_replies_ = gone_ ? 0 : replies - reply_sent_;
  pending_size_ = gone_ ? 0 : pending_.size() - sent_ + waiting_replies_;
}

bool FrameWriter::between_frames() const { return sent_ == 0 || pending_[sent_ - 1] == '\n'; }

// Sends as much as the client takes without waiting.
void FrameWriter::send() {
  while (!gone_ && !nothing_waits() && (send_reply() || send_ordered())) {
  }
  drop_sent();
}

// The first of the replies, if it is their turn; false as well when the client does not take it.
bool FrameWriter::send_reply() {
  if (replies_.empty()) return false;
  const bool started = reply_sent_ > 0;
  if (!started && (replies_.front().behind > before_ + sent_ || !between_frames())) return false;
  if (!write_now(replies_.front().frames, reply_sent_)) return false;
  replies_.pop_front();
  reply_sent_ = 0;
  return true;
}

// What stands before the next reply's turn; false when the client does not take it.
bool FrameWriter::send_ordered() {
  if (reply_sent_ > 0 || sent_ == pending_.size()) return false;
  return write_now(std::string_view(pending_).substr(0, next_stop()), sent_);
}

// How far in `pending_` before the first reply is looked at again: it may be written meanwhile.
std::size_t FrameWriter::next_stop() const {
  if (replies_.empty()) return pending_.size();
  const std::uint64_t behind = replies_.front().behind;
  if (behind > before_ + sent_) return static_cast<std::size_t>(behind - before_);
  return std::min(pending_.size(), pending_.find('\n', sent_) + 1);
}

// The last byte that was sent stays: by it `between_frames` sees a frame that is half sent.
void FrameWriter::drop_sent() {
  const bool all = sent_ == pending_.size();
  if (!all && sent_ <= pending_.size() / 2) return;
  const std::size_t kept = all ? 0 : 1;
  before_ += sent_ - kept;
  if (all) {
    pending_ = std::string();
  } else {
    pending_.erase(0, sent_ - kept);
  }
  sent_ = kept;
}

// From `sent` on, which counts what is taken at once, for last words; false when the pipe is full
// or its reader gone.
bool FrameWriter::write_now(std::string_view bytes, std::size_t& sent) {
  while (sent < bytes.size()) {
    if (blocking_ && !wait_until_writable(0)) return false;
    const ssize_t written = write_some(bytes.substr(sent));
    if (written >= 0) {
      sent += static_cast<std::size_t>(written);
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno == EBADF) {
      lose_descriptor();
    } else if (errno != EINTR) {
      give_up(errno);
      return false;
    }
  }
  return true;
}

// What is taken without waiting. Async-signal-safe.
ssize_t FrameWriter::write_some(std::string_view bytes) const {
  if (socket_)
    return ::send(output_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (blocking_) bytes = bytes.substr(0, PIPE_BUF);
  return ::write(output_.get(), bytes.data(), bytes.size());
}

// What it has become; 0: none of it in that time. A signal does not end the wait.
short FrameWriter::wait_for(short events, int patience) const {
  pollfd state = {output_.get(), events, 0};
  while (::poll(&state, 1, patience) < 0 && errno == EINTR) {
  }
  return state.revents;
}

bool FrameWriter::wait_until_writable(int patience) const {
  return (wait_for(POLLOUT, patience) & POLLOUT) != 0;
}

bool FrameWriter::reader_gone(int patience) const { return wait_for(0, patience) != 0; }

void FrameWriter::drain(int patience) {
  const Critical critical;
  const std::lock_guard lock(mutex_);
  for (send(); !gone_ && !nothing_waits() && wait_until_writable(patience);) send();
  count();
}

void FrameWriter::seize() {
  server::seize(mutex_);
  send_last(direct_.substr(direct_sent_));
  const std::size_t started = reply_sent_ > 0 ? 1 : 0;
  if (started > 0) send_last(std::string_view(replies_.front().frames).substr(reply_sent_));
  send_last(std::string_view(pending_).substr(sent_));
  for (std::size_t i = started; i < replies_.size(); ++i) send_last(replies_[i].frames);
}

void FrameWriter::write_last(std::string_view frames) {
  if (recording_ != nullptr) recording_->sent_last(frames);
  send_last(frames);
}

void FrameWriter::send_last(std::string_view frames) {
  constexpr int kPatience = 2000;  // milliseconds
  while (!frames.empty() && !gone_ && wait_until_writable(kPatience)) {
    const ssize_t written = write_some(frames);
    if (written < 0 && errno != EAGAIN && errno != EINTR) return;
    if (written > 0) frames.remove_prefix(static_cast<std::size_t>(written));
  }
}

void FrameWriter::wait_for_room() {
  stream_->async_wait(asio::posix::stream_descriptor::wait_write,
                      [this](const boost::system::error_code&) { send_pending(); });
}

void FrameWriter::send_pending() {
  bool drained = false;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t before = pending_size_;
    send();
    count();
    const std::size_t after = pending_size_;
    if (!gone_ && after > 0) wait_for_room();
    drained = after <= low_water_ && (before > low_water_ || after == 0);
  }
  if (drained) events_.drained();
}

void FrameWriter::watch_reader() {
  stream_->async_wait(asio::posix::stream_descriptor::wait_error,
                      [this](const boost::system::error_code& error) {
                        if (error) return;
                        const std::lock_guard lock(mutex_);
                        if (!gone_) lose_reader();
                      });
}

// Nobody reads a pipe or a socket any more; a file cannot be written: its disk is full.
void FrameWriter::give_up(int error) {
  if (regular_ || error == ENOSPC || error == EFBIG || error == EDQUOT) {
    gone_ = true;
    return events_.failed(error);
  }
  lose_reader();
}

void FrameWriter::lose_reader() {
  gone_ = true;
  asio::post(io_, [this] { events_.gone(); });
}

}  // namespace replwire::server
