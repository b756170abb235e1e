#include "server/wire/frame_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "server/system/critical.h"
#include "server/system/seize.h"

namespace replwire::server {
namespace {

constexpr int kPipeBytes = 256 * 1024;  // fewer turns between us and the client in a flood

mode_t kind_of(int fd) {
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
  const mode_t kind = kind_of(output_.get());
  socket_ = kind == S_IFSOCK;
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

void FrameWriter::write(std::string_view frames) {
  const Critical critical;
  const std::lock_guard lock(mutex_);
  if (gone_) return;
  if (!pending_.empty()) {
    pending_.append(frames);
    pending_size_ = pending_.size() - sent_;
    return;
  }
  const std::size_t written = write_now(frames);
  if (gone_ || written == frames.size()) return;
  pending_.assign(frames.substr(written));
  sent_ = 0;
  pending_size_ = pending_.size();
  asio::post(io_, [this] { wait_for_room(); });
}

// Returns how much was taken; less than all when the pipe is full or its reader gone.
std::size_t FrameWriter::write_now(std::string_view bytes) {
  in_flight_ = bytes;
  while (!in_flight_.empty()) {
    if (blocking_ && !wait_until_writable(0)) break;
    const ssize_t written = write_some(in_flight_);
    if (written >= 0) {
      in_flight_.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      break;
    } else if (errno == EBADF) {
      lose_descriptor();
    } else if (errno != EINTR) {
      lose_reader();
      break;
    }
  }
  const std::size_t left = std::exchange(in_flight_, {}).size();
  return bytes.size() - left;
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
  while (!gone_ && pending_.size() > sent_) {
    sent_ += write_now(std::string_view(pending_).substr(sent_));
    if (pending_.size() > sent_ && !wait_until_writable(patience)) break;
  }
  pending_size_ = pending_.size() - sent_;
}

void FrameWriter::seize() {
  server::seize(mutex_);
  const std::string_view flight = in_flight_;
  write_last(flight);
  if (flight.data() < pending_.data() || flight.data() > pending_.data() + pending_.size()) {
    write_last(std::string_view(pending_).substr(sent_));
  }
}

void FrameWriter::write_last(std::string_view frames) {
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
    const std::size_t before = pending_.size() - sent_;
    sent_ += write_now(std::string_view(pending_).substr(sent_));
    const std::size_t after = gone_ ? 0 : pending_.size() - sent_;
    if (after == 0) {
      pending_ = std::string();
      sent_ = 0;
    } else {
      if (sent_ > pending_.size() / 2) {
        pending_.erase(0, sent_);
        sent_ = 0;
      }
      wait_for_room();
    }
    pending_size_ = after;
    drained = after < low_water_ && (before >= low_water_ || after == 0);
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

void FrameWriter::lose_reader() {
  gone_ = true;
  asio::post(io_, [this] { events_.gone(); });
}

}  // namespace replwire::server
