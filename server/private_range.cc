#include "server/private_range.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace replwire::server {
namespace {

int first = 0;
int end = 0;

// Below the limit that most systems set (1,024), with room for ours.
int first_number() {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  constexpr rlim_t kWanted = 512;
  constexpr rlim_t kRoom = 64;
  return static_cast<int>(std::min(kWanted, limit.rlim_cur > kRoom ? limit.rlim_cur - kRoom : 3));
}

}  // namespace

PrivateRange::PrivateRange() {
  first = first_number();
  for (;;) {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (fd >= first) {
      ::close(fd);
      return;
    }
    fillers_.push_back(fd);
  }
}

PrivateRange::~PrivateRange() {
  end = first;
  while (::fcntl(end, F_GETFD) >= 0) ++end;
  for (const int fd : fillers_) ::close(fd);
}

void PrivateRange::close_in_child() {
  for (int fd = first; fd < end; ++fd) ::close(fd);
}

}  // namespace replwire::server
