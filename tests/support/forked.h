#pragma once

#include <unistd.h>

namespace replwire_tests {

// A child that runs `body` and ends.
template <class Body>
pid_t forked(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    ::_exit(0);
  }
  return pid;
}

}  // namespace replwire_tests
