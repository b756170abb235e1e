#include "runtime/interpreter_control.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace replwire::runtime {

bool InterpreterControl::interrupt(std::uint64_t target, int child) {
  child_ = child;
  wanted_ = target;
  return nudge();
}

bool InterpreterControl::nudge() { return signal(kInterruptSignal); }

bool InterpreterControl::signal(int number) const {
  const pid_t process = process_;
  siginfo_t info = {};
  info.si_signo = number;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  return process > 0 && ::syscall(SYS_rt_tgsigqueueinfo, process, process, number, &info) == 0;
}

void InterpreterControl::begin(std::uint64_t serial) {
  rest();
  serial_ = serial;
  active_ = true;
}

void InterpreterControl::end() {
  active_ = false;
  serial_ = serial_ + 1;
}

void InterpreterControl::stir() {
  if (!is_stirring()) stirring_ = stirring_ + 1;
}

void InterpreterControl::rest() {
  if (is_stirring()) stirring_ = stirring_ + 1;
}

void InterpreterControl::go_on_at_rest() {
  active_ = false;
  rest();
}

}  // namespace replwire::runtime
