#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

// Processes that the session started, found by descent: never by a process group, which may be the
// editor's own. Each is held by a pidfd, so that a number used again hits nobody else.
class Descendants {
 public:
  // Those of `root` that live now, children before their own children.
  static Descendants find(pid_t root);

  // Those of them that a terminal's Ctrl-C would mean, had all been started there since `start`:
  // not those that started a session of their own, nor the helpers of multiprocessing. The system
  // counts time in steps of 10 ms; `except` names children that one step would take for new.
  // `leave_out`: whether a process, and all that it started, is somebody else's.
  static Descendants started_since(pid_t root, std::chrono::steady_clock::time_point start,
                                   const std::vector<pid_t>& except,
                                   const std::function<bool(pid_t)>& leave_out = {});

  void signal(int number) const;
  bool empty() const { return processes_.empty(); }
  const std::vector<pid_t>& pids() const { return pids_; }
  // A descriptor that is readable when the child started last has ended; -1: there is none.
  int newest_child() const { return newest_child_; }

 private:
  void add(pid_t pid, Descriptor process);

  std::vector<pid_t> pids_;
  std::vector<Descriptor> processes_;  // pidfds
  int newest_child_ = -1;
};

// Those of this process that have not ended, and those whose parent has, where they still write to
// one of `files` (as /proc names them). `spared` are those of another session (setsid), unless
// `everybody`; in neither is the resource tracker of multiprocessing.
struct Living {
  std::vector<pid_t> to_end;
  std::vector<pid_t> spared;
};
Living living_descendants(bool everybody, const std::vector<std::string>& files);
// The same of these processes, which are among them, and their descendants. `leave_out`: whether
// one is somebody else's.
Living living_descendants(const std::vector<pid_t>& of, bool everybody,
                          const std::vector<std::string>& files,
                          const std::function<bool(pid_t)>& leave_out);
// Whether its descriptor 1 or 2 is one of these files, as /proc names them.
bool writes_to(pid_t process, const std::vector<std::string>& files);
// The process that started it, or its heir; 0: it is gone.
pid_t parent_of(pid_t process);

// As /proc tells it, for people.
std::string command_of(pid_t process);

// Of this process, any that could be waited for: one system call.
bool has_children();
std::vector<pid_t> children_of(pid_t process);
// This process's, by its first thread. When there are none, one system call.
std::vector<pid_t> own_children();

}  // namespace replwire::server
