#include "server/system/descriptors/ready.h"

#include <sys/select.h>

#include <algorithm>
#include <cerrno>

namespace replwire::server {
namespace {

// Ours lie below FD_SETSIZE; what does not is never ready.
bool is_looked_at(const pollfd& state) { return state.fd >= 0 && state.fd < FD_SETSIZE; }

int select_ready(std::span<pollfd> states, const timespec* timeout, const sigset_t* mask) {
  fd_set readable;
  fd_set writable;
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  int end = 0;
  for (const pollfd& state : states) {
    if (!is_looked_at(state)) continue;
    if ((state.events & POLLIN) != 0) FD_SET(state.fd, &readable);
    if ((state.events & POLLOUT) != 0) FD_SET(state.fd, &writable);
    end = std::max(end, state.fd + 1);
  }
  const int result = ::pselect(end, &readable, &writable, nullptr, timeout, mask);
  for (pollfd& state : states) {
    state.revents = 0;
    if (result <= 0 || !is_looked_at(state)) continue;
    if (FD_ISSET(state.fd, &readable)) state.revents |= POLLIN;
    if (FD_ISSET(state.fd, &writable)) state.revents |= POLLOUT;
  }
  return result;
}

}  // namespace

int wait_until_ready(std::span<pollfd> states, const timespec* timeout, const sigset_t* mask) {
  const int result = ::ppoll(states.data(), states.size(), timeout, mask);
  return result < 0 && errno == EINVAL ? select_ready(states, timeout, mask) : result;
}

int count_ready(std::span<pollfd> states) {
  const timespec now = {};
  return wait_until_ready(states, &now);
}

}  // namespace replwire::server
