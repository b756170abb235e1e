#pragma once

#include <sys/types.h>

#include <string>

namespace replwire::server {

// Finds out that a process waits for itself: each of its threads waits, without a limit of time,
// for another one of them to wake it.
class Standstill {
 public:
  // Whether it does, and did at the look before without having run in between. Threads of these
  // names, each followed by a blank, are ours and wait for something else.
  bool persists(pid_t process, const std::string& ours);

 private:
  std::string last_;
};

}  // namespace replwire::server
