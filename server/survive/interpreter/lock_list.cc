#include "server/survive/interpreter/lock_list.h"

#include <algorithm>
#include <fstream>
#include <utility>

namespace replwire::server::survive {

// A line: its number, "FLOCK" or "OFDLCK", how, whose, and of which file.
bool LockList::has_grown() {
  std::vector<std::string> locks;
  std::ifstream list("/proc/locks");
  for (std::string line; std::getline(list, line);) {
    const std::size_t kind = line.find(' ') + 1;
    if (line.compare(kind, 5, "FLOCK") == 0 || line.compare(kind, 6, "OFDLCK") == 0)
      locks.push_back(line.substr(kind));
  }
  std::ranges::sort(locks);
  std::swap(locks, locks_);
  return !std::ranges::includes(locks, locks_);
}

}  // namespace replwire::server::survive
