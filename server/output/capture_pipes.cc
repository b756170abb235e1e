#include "server/output/capture_pipes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include "server/system/descriptors/private_range.h"

#include "server/system/descriptors/ready.h"

namespace replwire::server {
namespace {

constexpr int kPipeBytes = 256 * 1024;

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

void lead_to(int fd, int end) {
  const bool closes_on_exec = (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
  ::dup3(end, fd, closes_on_exec ? O_CLOEXEC : 0);
}

// Without /proc, or a descriptor to look there: 1 and 2.
std::vector<int> own_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return {1, 2};
  std::vector<int> found;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') found.push_back(std::atoi(entry->d_name));
  }
  ::closedir(folder);
  return found;
}

}  // namespace

CapturePipes::CapturePipes(Pipe output, Pipe error) : pipes_{std::move(output), std::move(error)} {}

CapturePipes::CapturePipes()
    : CapturePipes(make_pipe(runtime::Stream::kStdout), make_pipe(runtime::Stream::kStderr)) {}

CapturePipes::CapturePipes(int output_read, int output_write, int error_read, int error_write)
    : CapturePipes(take_pipe(runtime::Stream::kStdout, output_read, output_write),
                   take_pipe(runtime::Stream::kStderr, error_read, error_write)) {}

CapturePipes::CapturePipes(std::span<Descriptor, 4> ends)
    : CapturePipes(ends[0].release(), ends[1].release(), ends[2].release(), ends[3].release()) {}

CapturePipes::Pipe CapturePipes::make_pipe(runtime::Stream stream) {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
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

void CapturePipes::restore_closed() const {
  std::array<pollfd, 3> state = {pollfd{0, 0, 0}, pollfd{1, 0, 0}, pollfd{2, 0, 0}};
  ::poll(state.data(), state.size(), 0);  // one system call for all three
  for (int fd = 0; fd < 3; ++fd) {
    if ((state[static_cast<std::size_t>(fd)].revents & POLLNVAL) == 0) continue;
    if (fd == 0) {
      Descriptor null(::open("/dev/null", O_RDWR));  // the lowest number: 0 itself
      if (null.get() != 0) {
        ::dup2(null.get(), 0);
      } else {
        null.release();
      }
    } else {
      ::dup2(pipes_[static_cast<std::size_t>(fd - 1)].write_end.get(), fd);
    }
  }
}

std::array<int, 4> CapturePipes::ends() const {
  return {pipes_[0].read_end.get(), pipes_[0].write_end.get(), pipes_[1].read_end.get(),
          pipes_[1].write_end.get()};
}

std::array<ino_t, 2> CapturePipes::inodes() const {
  std::array<ino_t, 2> inodes = {};
  for (std::size_t i = 0; i < pipes_.size(); ++i) {
    struct stat state = {};
    if (::fstat(pipes_[i].read_end.get(), &state) == 0) inodes[i] = state.st_ino;
  }
  return inodes;
}

void CapturePipes::give_up_ends() {
  const Descriptor null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  for (const int fd : {1, 2}) {
    if (null && index_of(fd)) ::dup2(null.get(), fd);
  }
  for (Pipe& pipe : pipes_) pipe.write_end = {};
}

void CapturePipes::close_ends_of_thread() const {
  for (const int fd : {1, 2, pipes_[0].write_end.get(), pipes_[1].write_end.get()}) ::close(fd);
}

std::optional<std::size_t> CapturePipes::index_of(int fd) const {
  struct stat theirs = {};
  if (::fstat(fd, &theirs) != 0 || !S_ISFIFO(theirs.st_mode)) return std::nullopt;
  for (std::size_t i = 0; i < pipes_.size(); ++i) {
    struct stat ours = {};
    if (::fstat(pipes_[i].read_end.get(), &ours) == 0 && same_file(ours, theirs)) return i;
  }
  return std::nullopt;
}

void CapturePipes::take_over(const CapturePipes& before) const {
  for (const int fd : own_descriptors()) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) continue;
    if (const auto index = before.index_of(fd)) lead(fd, *index);
  }
}

void CapturePipes::lead(int fd, std::size_t index) const {
  lead_to(fd, pipes_[index].write_end.get());
}

std::optional<CapturePipes> CapturePipes::make_successors() const {
  try {
    CapturePipes made;
    made.take_over(*this);
    return made;
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

// Where there is user code, among the server's own; a server without any may have more of them.
Descriptor CapturePipes::place_for_copy(const Descriptor& read_end) {
  if (!PrivateRange::holds(read_end.get()))
    return Descriptor(::fcntl(read_end.get(), F_DUPFD_CLOEXEC, 3));
  Descriptor place = PrivateRange::place_for(read_end);
  if (place) return place;
  return Descriptor(::fcntl(read_end.get(), F_DUPFD_CLOEXEC, read_end.get()));
}

std::optional<CapturePipes> CapturePipes::copy_to_read() const {
  const auto copy = [](const Pipe& pipe) {
    return Pipe{pipe.stream, place_for_copy(pipe.read_end), {}, pipe.capacity};
  };
  CapturePipes copies(copy(pipes_[0]), copy(pipes_[1]));
  if (!copies.pipes_[0].read_end || !copies.pipes_[1].read_end) return std::nullopt;
  return copies;
}

void CapturePipes::replace(const CapturePipes& others) {
  for (std::size_t i = 0; i < pipes_.size(); ++i) {
    ::dup3(others.pipes_[i].write_end.get(), pipes_[i].write_end.get(), O_CLOEXEC);
    ::dup3(others.pipes_[i].read_end.get(), pipes_[i].read_end.get(), O_CLOEXEC);
    pipes_[i].capacity = others.pipes_[i].capacity;
  }
}

void CapturePipes::let_go() {
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  for (int fd = 0; fd < 3; ++fd) {
    auto& led = led_[static_cast<std::size_t>(fd)];
    led = index_of(fd);
    if (led) lead_to(fd, null.get());
  }
  for (const Pipe& pipe : pipes_) {
    for (const Descriptor* end : {&pipe.read_end, &pipe.write_end})
      ::dup3(null.get(), end->get(), O_CLOEXEC);
  }
}

void CapturePipes::become(const CapturePipes& others) {
  for (int fd = 0; fd < 3; ++fd) {
    const auto led = std::exchange(led_[static_cast<std::size_t>(fd)], std::nullopt);
    if (const auto index = led ? led : index_of(fd)) others.lead(fd, *index);
  }
  replace(others);
}

bool CapturePipes::ready() {
  std::array<pollfd, 2> fds = {pollfd{pipes_[0].read_end.get(), POLLIN, 0},
                               pollfd{pipes_[1].read_end.get(), POLLIN, 0}};
  const int some = count_ready(fds);
  if (some > 0) lost_ = ((fds[0].revents | fds[1].revents) & POLLNVAL) != 0;
  return some > 0;
}

}  // namespace replwire::server
