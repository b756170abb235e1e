#include "server/system/descriptors/private_range.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace replwire::server {
namespace {

struct Numbers {
  int first;
  std::atomic<int> end;  // any thread may move something into it
};

// Global, since a process has one range of them, and a forked child closes it.
Numbers range = {0, 0};

}  // namespace

int PrivateRange::first_number() {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  constexpr rlim_t kWanted = 512;
  return static_cast<int>(std::min(kWanted, limit.rlim_cur > kRoom ? limit.rlim_cur - kRoom : 3));
}

PrivateRange::PrivateRange() {
  range.first = first_number();
  // The numbers below are filled for the time being: with copies, which are cheap, by the hundred.
  int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  for (; fd >= 0 && fd < range.first; fd = ::fcntl(fillers_.front().low, F_DUPFD_CLOEXEC, 0)) {
    if (fillers_.empty() || fillers_.back().high + 1 != fd) fillers_.push_back({fd, fd});
    fillers_.back().high = fd;
  }
  if (fd >= 0) ::close(fd);
}

PrivateRange::~PrivateRange() {
  range.end = range.first;
  // Some may have been closed in between.
  for (int fd = range.first; fd < range.first + kRoom; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) range.end = fd + 1;
  }
  for (const auto& [low, high] : fillers_) {
    ::close_range(static_cast<unsigned>(low), static_cast<unsigned>(high), 0);
  }
}

bool PrivateRange::holds(int number) { return number >= range.first && number < range.end; }
Descriptor PrivateRange::place_for(const Descriptor& late) {
  const int fd = ::fcntl(late.get(), F_DUPFD_CLOEXEC, range.first);
  Descriptor placed(fd);
  if (fd >= range.first + kRoom) return {};
  for (int before = range.end; before <= fd && !range.end.compare_exchange_weak(before, fd + 1);) {
  }
  return placed;
}

void PrivateRange::close_in_child() {
  for (int fd = range.first; fd < range.end; ++fd) ::close(fd);
}

}  // namespace replwire::server
