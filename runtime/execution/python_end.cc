#include "runtime/execution/python_end.h"

#include <unistd.h>

#include <exception>

#include "runtime/object.h"

namespace replwire::runtime::python_end {

// Global, since any thread that Python may hold asks it.
std::atomic<bool> begun{false};

void hold_thread() {
  if (::gettid() == ::getpid()) return;
  for (;;) ::pause();
}

void begin() {
  std::set_terminate([] {  // of a thread that came to the GIL just then
    for (;;) ::pause();
  });
  begun = true;
}

}  // namespace replwire::runtime::python_end
