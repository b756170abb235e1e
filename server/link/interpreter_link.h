#pragma once

#include <sys/types.h>

#include <cstdint>
#include <mutex>
#include <vector>

#include "runtime/interpreter_control.h"
#include "runtime/link.h"

namespace replwire::server {

// The session's end of the link to its interpreter, which runs in this process or, with --survive,
// in one of its own. For any thread.
class InterpreterLink {
 public:
  explicit InterpreterLink(runtime::InterpreterControl& control) : control_(control) {}
  InterpreterLink(const InterpreterLink&) = delete;
  InterpreterLink& operator=(const InterpreterLink&) = delete;
  virtual ~InterpreterLink() = default;

  // Commands and answers are on their way when `deliver` is called, which the session does without
  // its lock: a woken thread that finds the lock taken costs two more context switches.
  virtual void post(runtime::Command command) = 0;
  virtual void answer(std::uint64_t number, runtime::Answer answer) = 0;
  virtual void deliver() = 0;
  virtual void ask(runtime::Inquiry inquiry) = 0;

  // Of an execution, or of a task at rest: see InterpreterControl.
  void interrupt(std::uint64_t target, int child = -1);
  void nudge();
  // Has the worker write down its Python stack. False when no signal could be sent.
  bool ask_for_stack();
  // Whether that signal is still the session's: user code may have taken it for itself.
  virtual bool stack_can_be_asked_for() const = 0;

  // The process that Python runs in; 0: there is none.
  pid_t process() const { return control_.process(); }
  const runtime::InterpreterControl& control() const { return control_; }
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
  // Ends a copy that is at work; the session hears of it.
  virtual void kill_copy(std::uint64_t /*serial*/) {}
  // All processes that sleep, or are at work, beside the interpreter.
  virtual std::vector<pid_t> sleepers() const { return {}; }
  // All are given up. Returns those that nobody else has, which end.
  virtual std::vector<pid_t> give_up_sleepers() { return {}; }
  // Whether it is an interpreter, of whatever session, or sleeps beside one.
  virtual bool is_interpreter(pid_t /*process*/) const { return false; }

 protected:
  // While it is held, the process's number is nobody else's.
  std::mutex signalling_;
  runtime::InterpreterControl& control_;
};

}  // namespace replwire::server
