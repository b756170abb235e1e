#include "server/link/interpreter_link.h"

#include <unistd.h>

#include "runtime/os/stack_dump.h"

namespace replwire::server {

// The child's descriptor is one of this process.
void InterpreterLink::interrupt(std::uint64_t target, int child) {
  const std::lock_guard lock(signalling_);
  control_.interrupt(target, process() == ::getpid() ? child : -1);
}

void InterpreterLink::nudge() {
  const std::lock_guard lock(signalling_);
  control_.nudge();
}

bool InterpreterLink::ask_for_stack() {
  const std::lock_guard lock(signalling_);
  return control_.signal(runtime::stack_dump::signal_number());
}

}  // namespace replwire::server
