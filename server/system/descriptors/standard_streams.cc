#include "server/system/descriptors/standard_streams.h"

#include <fcntl.h>

#include <cstdio>
#include <cstdlib>

#include "server/system/descriptors/private_range.h"

namespace replwire::server {
namespace {

Descriptor copy(int fd) {
  return Descriptor(::fcntl(fd, F_DUPFD_CLOEXEC, PrivateRange::first_number()));
}

}  // namespace

StandardStreams StandardStreams::take() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  StandardStreams streams = {copy(0), copy(1), copy(2)};
  if (!streams.input || !streams.output || !streams.error || ::dup2(null, 0) < 0) {
    std::perror("replwire: cannot set up the standard streams");
    std::exit(1);
  }
  ::close(null);
  return streams;
}

}  // namespace replwire::server
