#pragma once

#include <string>
#include <vector>

#include "runtime/execution/compiler.h"
#include "runtime/link.h"
#include "runtime/object.h"

namespace replwire::runtime {

// The session's event loop, in which code that awaits at top level runs. There is none, and
// nothing here costs anything, until the first such code. Lives on the worker; the loop itself is
// runtime/python/loop.py's.
class Loop {
 public:
  // False with a Python exception set.
  bool start(PyObject* wire);

  // Before an execution, and before user code sees a SIGINT.
  void begin();

  // Before other user code at rest: SIGINT is Python's own again.
  void leave();

  // Runs code that awaits to its end. None, with a Python exception set, when it raised.
  Ref run(const Cell& cell, const Execution& execution);

  // At rest: runs what is due, if anything.
  void step();
  // At rest: what ends the wait for a command, because tasks can go on then.
  Watch watch();

  // Names of the live tasks.
  std::vector<std::string> tasks();

  // In a process that goes on where another was: the two have shared its descriptors.
  void renew();

  // Cancels what still runs, and sees it end, within bounds.
  void close();

 private:
  bool load();
  Ref call(const char* name);
  bool prepare(const Cell& cell, const Execution& execution);

  Ref wire_;
  Ref module_;  // its namespace, once there is a loop
};

}  // namespace replwire::runtime
