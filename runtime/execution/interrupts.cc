#include "runtime/execution/interrupts.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

#include "runtime/object.h"

namespace replwire::runtime::interrupts {
namespace {

// Global, since a signal handler is given nothing: what it shares with the worker, whose thread it
// runs on.
InterpreterControl* shared = nullptr;
std::atomic<std::uint64_t> wanted{0};  // the newest execution that an interrupt named
std::atomic<bool> open{false};
std::atomic<bool> tripped{false};       // Python was told, and may not have acted yet
std::atomic<bool> loop_handles{false};  // Python's handler is the event loop's
std::atomic<bool> fresh{false};
std::atomic<bool> nudged{false};
std::array<Handler, 2> known_handlers = {};

// User code may have had SIGINT ignored, or given back its default action; then Python's own
// function, which expects a Python handler, would look at objects without holding the GIL. Or C
// code has a handler of its own there, as faulthandler.register() has.
bool tell_python() {
  struct sigaction action = {};
  sigaction(SIGINT, nullptr, &action);
  const bool has_handler = (action.sa_flags & SA_SIGINFO) != 0 ||
                           (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
  if (!has_handler) return false;
  if (std::ranges::count(known_handlers, action.sa_sigaction) > 0) {
    PyErr_SetInterruptEx(SIGINT);
  } else {
    ::tgkill(::getpid(), ::gettid(), SIGINT);
  }
  return true;
}

// Until Python listens (os.system has SIGINT ignored meanwhile) it stays wanted.
void trip() {
  fresh = true;
  if (!tell_python()) return;
  wanted = 0;
  tripped = true;
}

void trip_at_rest() {
  fresh = true;
  tell_python();
}

void nudge() {
  if (open && wanted == shared->serial()) return trip();
  if (!loop_handles) return;
  nudged = true;
  tell_python();
}

// Python's subprocess, told of the interrupt, looks for its child's end at once, and then not
// before a whole millisecond is over. A number that has been closed meanwhile does no harm.
void wait_for_child() {
  constexpr int kMilliseconds = 1;
  pollfd end = {shared->take_child(), POLLIN, 0};
  if (end.fd >= 0) ::poll(&end, 1, kMilliseconds);
}

void act(std::uint64_t target) {
  if (target == 0) return nudge();
  if (InterpreterControl::is_at_rest(target)) {
    if (shared->is_stirring(target)) trip_at_rest();
    return;
  }
  // An execution may be interrupted before the worker has taken it up, so a newer one is kept.
  if (target < shared->serial()) return;
  wanted = target;
  if (open && target == shared->serial()) {
    trip();
    return wait_for_child();
  }
  // It cannot be taken up while a task at rest goes on and on.
  if (shared->is_stirring()) trip_at_rest();
}

void handle(int /*signal*/) {
  const int error = errno;
  act(shared->take_interrupt());
  errno = error;
}

}  // namespace

void install(InterpreterControl& control) {
  shared = &control;
  struct sigaction action = {};
  action.sa_handler = handle;
  action.sa_flags = SA_ONSTACK;  // no SA_RESTART: it is to end system calls
  sigfillset(&action.sa_mask);
  sigaction(kInterruptSignal, &action, nullptr);
}

InterpreterControl& control() { return *shared; }

void know_handlers(Handler ours, Handler of_python) { known_handlers = {ours, of_python}; }

void raise_own() {
  fresh = true;
  PyErr_SetInterruptEx(SIGINT);
}

Window::Window() {
  open = true;
  if (wanted == shared->serial()) trip();
}

Window::~Window() {
  open = false;
  if (!tripped.exchange(false)) return;
  const SavedError kept;
  if (settle_signals()) wanted = shared->serial();
}

void set_loop_handles(bool value) { loop_handles = value; }

bool take_fresh() {
  const bool nudge = nudged.exchange(false);
  return fresh.exchange(false) || !nudge;
}

bool settle_signals() {
  if (PyErr_CheckSignals() == 0) return false;
  if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
    PyErr_Clear();
    return true;
  }
  PyErr_WriteUnraisable(nullptr);
  return false;
}

}  // namespace replwire::runtime::interrupts
