#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace replwire::server {

// Whom the end of the process spares.
enum class Spared {
  kNobody,
  kOwnSessions,  // who has called setsid(), on purpose
};

// For a process that is about to end: what it started ends with it, by SIGTERM, a fifth of a second
// later by SIGKILL, and whatever those start meanwhile, until nothing is left. `at_once`: who needs
// no SIGTERM. No thread of this process can start another one from here on. Returns who was spared.
// (The resource tracker of multiprocessing ends by itself, and has to clean up first.) `files`: by
// what those are known whose parent is gone.
std::vector<pid_t> end_descendants(const std::vector<pid_t>& at_once, Spared spared,
                                   const std::vector<std::string>& files);

}  // namespace replwire::server
