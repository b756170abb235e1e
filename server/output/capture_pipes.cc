#include "server/output/capture_pipes.h"

#include <fcntl.h>

#include <cerrno>
#include <system_error>

#include "server/system/ready.h"

namespace replwire::server {
namespace {

constexpr int kPipeBytes = 256 * 1024;
constexpr std::size_t kReadBytes = 64 * 1024;

}  // namespace

CapturePipes::CapturePipes()
    : pipes_{make_pipe(runtime::Stream::kStdout), make_pipe(runtime::Stream::kStderr)},
      buffer_(kReadBytes, '\0') {}

CapturePipes::CapturePipes(int output_read, int output_write, int error_read, int error_write)
    : pipes_{take_pipe(runtime::Stream::kStdout, output_read, output_write),
             take_pipe(runtime::Stream::kStderr, error_read, error_write)},
      buffer_(kReadBytes, '\0') {}

CapturePipes::Pipe CapturePipes::make_pipe(runtime::Stream stream) {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category());
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  ::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
  return take_pipe(stream, ends[0], ends[1]);
}

CapturePipes::Pipe CapturePipes::take_pipe(runtime::Stream stream, int read_end, int write_end) {
  const int capacity = ::fcntl(write_end, F_GETPIPE_SZ);
  return {stream, Descriptor(read_end), Descriptor(write_end),
          static_cast<std::size_t>(std::max(capacity, 4096))};
}

void CapturePipes::redirect() const {
  ::dup2(pipes_[0].write_end.get(), 1);
  ::dup2(pipes_[1].write_end.get(), 2);
}

bool CapturePipes::ready() {
  std::array<pollfd, 2> fds = {pollfd{pipes_[0].read_end.get(), POLLIN, 0},
                               pollfd{pipes_[1].read_end.get(), POLLIN, 0}};
  const bool some = count_ready(fds) > 0;
  if (some) lost_ = ((fds[0].revents | fds[1].revents) & POLLNVAL) != 0;
  return some;
}

}  // namespace replwire::server
