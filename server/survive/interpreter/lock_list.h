#pragma once

#include <string>
#include <vector>

namespace replwire::server::survive {

// The locks that belong to open files, of all processes, as the system lists them.
class LockList {
 public:
  // Reads it anew: whether there is one that was not there before.
  bool has_grown();

 private:
  std::vector<std::string> locks_;  // sorted
};

}  // namespace replwire::server::survive
