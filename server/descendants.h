#pragma once

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

  void signal(int number) const;
  bool empty() const { return processes_.empty(); }

  // Until all have ended, or the time is over.
  void wait(std::chrono::milliseconds time) const;

 private:
  std::vector<Descriptor> processes_;  // pidfds
};

}  // namespace replwire::server
