#include "server/survive/channels.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace replwire::server::survive {
namespace {

Descriptor place() { return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

Channels::Channels()
    : server(::getpid()),
      output_call(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      link(place()),
      inquiries(place()) {}

SocketPair::SocketPair(int type) {
  std::array<int, 2> ends = {-1, -1};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  server = Descriptor(ends[0]);
  interpreter = Descriptor(ends[1]);
}

}  // namespace replwire::server::survive
