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

struct State {
  InterpreterControl* shared = nullptr;
  std::atomic<std::uint64_t> wanted{0};  // the newest execution that an interrupt named
  std::atomic<bool> open{false};
  std::atomic<bool> tripped{false};       // Python was told, and may not have acted yet
  std::atomic<bool> loop_handles{false};  // Python's handler is the event loop's
  std::atomic<bool> fresh{false};
  std::atomic<bool> nudged{false};
  std::array<Handler, 2> known_handlers = {};
};

// Global, since a signal handler is given nothing: what it shares with the worker, whose thread it
// runs on.
State state;

// User code may have had SIGINT ignored, or given back its default action; then Python's own
// function, which expects a Python handler, would look at objects without holding the GIL. Or C
// code has a handler of its own there, as faulthandler.register() has.
bool tell_python() {
  struct sigaction action = {};
  sigaction(SIGINT, nullptr, &action);
  const bool has_handler = (action.sa_flags & SA_SIGINFO) != 0 ||
                           (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
  if (!has_handler) return false;
  if (std::ranges::count(state.known_handlers, action.sa_sigaction) > 0) {
    PyErr_SetInterruptEx(SIGINT);
  } else {
    ::tgkill(::getpid(), ::gettid(), SIGINT);
  }
  return true;
}

// Until Python listens (os.system has SIGINT ignored meanwhile) it stays wanted.
void trip() {
  state.fresh = true;
  if (!tell_python()) return;
  state.wanted = 0;
  state.tripped = true;
}

void trip_at_rest() {
  state.fresh = true;
  tell_python();
}

// Before the first execution of a session nothing is, and its serial is 0 as well.
bool is_wanted() { return state.wanted != 0 && state.wanted == state.shared->serial(); }

void nudge() {
  if (state.open && is_wanted()) return trip();
  if (!state.loop_handles) return;
  state.nudged = true;
  tell_python();
}

// Python's subprocess, told of the interrupt, looks for its child's end at once, and then not
// before a whole millisecond is over. A number that has been closed meanwhile does no harm.
void wait_for_child() {
  constexpr int kMilliseconds = 1;
  pollfd end = {state.shared->take_child(), POLLIN, 0};
  if (end.fd >= 0) ::poll(&end, 1, kMilliseconds);
}

void act(std::uint64_t target) {
  if (target == 0) return nudge();
  if (InterpreterControl::is_at_rest(target)) {
    if (state.shared->is_stirring(target)) trip_at_rest();
    return;
  }
  // An execution may be interrupted before the worker has taken it up, so a newer one is kept.
  if (target < state.shared->serial()) return;
  state.wanted = target;
  if (state.open && target == state.shared->serial()) {
    trip();
    return wait_for_child();
  }
  // It cannot be taken up while a task at rest goes on and on.
  if (state.shared->is_stirring()) trip_at_rest();
}

void handle(int /*signal*/) {
  const int error = errno;
  act(state.shared->take_interrupt());
  errno = error;
}

}  // namespace

void install(InterpreterControl& control) {
  state.shared = &control;
  struct sigaction action = {};
  action.sa_handler = handle;
  action.sa_flags = SA_ONSTACK;  // no SA_RESTART: it is to end system calls
  sigfillset(&action.sa_mask);
  sigaction(kInterruptSignal, &action, nullptr);
}

InterpreterControl& control() { return *state.shared; }

void know_handlers(Handler ours, Handler of_python) { state.known_handlers = {ours, of_python}; }

void raise_own() {
  state.fresh = true;
  PyErr_SetInterruptEx(SIGINT);
}

Window::Window() {
  state.open = true;
  if (is_wanted()) trip();
}

Window::~Window() {
  state.open = false;
  if (!state.tripped.exchange(false)) return;
  const SavedError kept;
  if (settle_signals()) state.wanted = state.shared->serial();
}

void set_loop_handles(bool value) { state.loop_handles = value; }

bool take_fresh() {
  const bool nudge = state.nudged.exchange(false);
  return state.fresh.exchange(false) || !nudge;
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
