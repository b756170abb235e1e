#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "runtime/link.h"

namespace replwire::server {

// The session's end of the link to its interpreter, which runs in this process or, with --survive,
// in one of its own. For any thread.
class InterpreterLink {
 public:
  virtual ~InterpreterLink() = default;

  // Commands and answers are on their way when `deliver` is called, which the session does without
  // its lock: a woken thread that finds the lock taken costs two more context switches.
  virtual void post(runtime::Command command) = 0;
  virtual void answer(std::uint64_t number, runtime::Answer answer) = 0;
  virtual void deliver() = 0;
  virtual void ask(runtime::Inquiry inquiry) = 0;

  // Of an execution, or of what `busy_at_rest` names. `child`: see interrupts::set_child.
  virtual void interrupt(std::uint64_t serial, int child = -1) = 0;
  // Wakes the worker from a system call that an interrupt came an instant too early for.
  void nudge() { interrupt(0); }
  // What a task that runs at rest is interrupted by; 0 when none does.
  static std::uint64_t busy_at_rest();

  // Has the worker write down its Python stack. False when no signal could be sent.
  virtual bool ask_for_stack() = 0;
  // Whether that signal is still the session's: user code may have taken it for itself.
  virtual bool stack_can_be_asked_for() const = 0;

  // The process that Python runs in.
  virtual pid_t process() const = 0;
  // Its children from before the newest Run, which might be taken for children of that one.
  virtual std::vector<pid_t> earlier_children() const = 0;

  // What is readable when the interpreter has said something, for the reader's thread to take; -1:
  // the session hears of it at once, on the interpreter's own thread.
  virtual int incoming() const { return -1; }
  virtual void take_incoming() {}

  // ---- with --survive; without, nothing of this is called ----
  // Ends the interpreter's process; the session hears of it as of any other death.
  virtual void kill() {}
  // A process goes on where the snapshot is; 0: where nothing has been run yet. The interpreter is
  // dead by then.
  virtual void wake(std::uint64_t /*snapshot*/) {}
  virtual void drop(std::uint64_t /*snapshot*/) {}
  // Of the snapshot's process; 0: it is gone.
  virtual pid_t process_of(std::uint64_t /*snapshot*/) const { return 0; }
};

}  // namespace replwire::server
