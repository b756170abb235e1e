#pragma once

#include <mutex>

#include "runtime/object.h"

namespace replwire::runtime {

// A thread of ours among Python's for the length of a scope: it answers a question about code. One
// at a time.
class Visit {
 public:
  Visit();
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit();

  // Called once, on the worker, before the first.
  static void prepare();

  // From here on none begins, and none is under way when it returns. With the GIL, which is given
  // up meanwhile.
  static void end_all();
};

}  // namespace replwire::runtime
