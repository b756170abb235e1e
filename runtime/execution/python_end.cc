#include "runtime/execution/python_end.h"

#include <unistd.h>

#include <atomic>
#include <exception>

#include "runtime/object.h"

namespace replwire::runtime::python_end {
namespace {

// Global, since any thread that Python may hold asks it.
std::atomic<bool> begun{false};

}  // namespace

bool has_begun() { return begun; }

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
