#pragma once

#include <poll.h>

#include <string>

#include "support/fd.h"
#include "support/server_process.h"
#include "support/spawn.h"

namespace replwire_tests {

// A process that somebody else started, watched for its end; whoever reaps it.
class ProcessWatch {
 public:
  explicit ProcessWatch(pid_t process) : descriptor_(open_pidfd(process)) {}

  bool ends(Millis patience) const {
    if (descriptor_.get() < 0) return true;
    pollfd state = {descriptor_.get(), POLLIN, 0};
    return ::poll(&state, 1, static_cast<int>(patience.count())) == 1;
  }
  bool lives() const { return !ends(Millis(0)); }

 private:
  Fd descriptor_;
};

// The first number that the code prints.
inline ProcessWatch printed_process(ServerProcess& server) {
  return ProcessWatch(std::stoi(server.read_line()));
}

}  // namespace replwire_tests
