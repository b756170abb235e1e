#include "runtime/standard_descriptors.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace replwire::runtime {

StandardDescriptors::StandardDescriptors()
    : copies_{::fcntl(0, F_DUPFD_CLOEXEC, 3), ::fcntl(1, F_DUPFD_CLOEXEC, 3),
              ::fcntl(2, F_DUPFD_CLOEXEC, 3)} {}

StandardDescriptors::~StandardDescriptors() {
  for (const int copy : copies_) ::close(copy);
}

void StandardDescriptors::restore() const {
  std::array<pollfd, 3> state = {pollfd{0, 0, 0}, pollfd{1, 0, 0}, pollfd{2, 0, 0}};
  ::poll(state.data(), state.size(), 0);  // one system call for all three
  for (int fd = 0; fd < 3; ++fd) {
    const auto index = static_cast<std::size_t>(fd);
    if ((state[index].revents & POLLNVAL) != 0) ::dup2(copies_[index], fd);
  }
}

}  // namespace replwire::runtime
