#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
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

// What `root` started ends as above, and `at_once` with it, which are children of this process: all
// are gone and reaped then. This process goes on. No `spared`: what it started goes on as well.
// `files`: asked for when those are gone; `leave_out`: whether a process is somebody else's.
std::vector<pid_t> end_tree(pid_t root, const std::vector<pid_t>& at_once,
                            std::optional<Spared> spared,
                            const std::function<std::vector<std::string>()>& files,
                            const std::function<bool(pid_t)>& leave_out);

}  // namespace replwire::server
