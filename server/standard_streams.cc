#include "server/standard_streams.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace replwire::server {
namespace {

// Above what user code closes with os.closerange(3, 256), below the limit that most systems set.
int first_private() {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  constexpr rlim_t kWanted = 512;
  constexpr rlim_t kNeeded = 64;
  return static_cast<int>(std::min(kWanted, limit.rlim_cur > kNeeded ? limit.rlim_cur - kNeeded : 3));
}

Descriptor moved(int fd) { return Descriptor(::fcntl(fd, F_DUPFD_CLOEXEC, first_private())); }

}  // namespace

StandardStreams StandardStreams::take() {
  // A descriptor that the parent left closed becomes the null device, so that nothing else gets
  // its number.
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) ::dup2(null, fd);
  }
  StandardStreams streams = {moved(0), moved(1), moved(2)};
  if (!streams.input || !streams.output || !streams.error || ::dup2(null, 0) < 0 ||
      ::dup2(2, 1) < 0) {
    std::perror("replwire: cannot set up the standard streams");
    std::exit(1);
  }
  if (null > 2) ::close(null);
  return streams;
}

}  // namespace replwire::server
