#pragma once

#include <sys/types.h>

#include <chrono>
#include <vector>

#include "server/descriptor.h"

namespace replwire::server {

// Processes that the session started, found by descent: never by a process group, which may be the
// editor's own. Each is held by a pidfd, so that a number used again hits nobody else.
class Descendants {
 public:
  // Those that live now, children before their own children.
  static Descendants find();

  // Signals, each as soon as it is found, those of them that a terminal's Ctrl-C would mean, had
  // all been started there since `start`: not those that started a session of their own, nor the
  // helpers of multiprocessing. The system counts time in steps of 10 ms; `earlier` names children
  // that one step would take for new.
  static void signal_since(std::chrono::steady_clock::time_point start,
                           const std::vector<pid_t>& earlier, int number);

  void signal(int number) const;
  bool empty() const { return processes_.empty(); }

  // Until all have ended, or the time is over.
  void wait(std::chrono::milliseconds time) const;

 private:
  std::vector<Descriptor> processes_;  // pidfds
};

// One system call.
bool has_children();

// Those of the process's first thread.
std::vector<pid_t> own_children();

}  // namespace replwire::server
