#include "runtime/interrupts.h"

#include <poll.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "runtime/object.h"

namespace replwire::runtime::interrupts {
namespace {

// Shared between the worker thread and a signal handler that runs on it.
Running own;
Running* run = &own;
std::atomic<std::uint64_t> wanted{0};  // the newest execution that an interrupt named
std::atomic<bool> open{false};
std::atomic<bool> tripped{false};  // Python was told, and may not have acted yet

constexpr std::uint64_t kAtRest = std::uint64_t{1} << 63;
std::atomic<bool> loop_handles{false};  // Python's handler is the event loop's
std::atomic<bool> fresh{false};
std::atomic<bool> nudged{false};
std::atomic<int> child{-1};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// User code may have had SIGINT ignored, or given back its default action; then Python's own
// function, which expects a Python handler, would look at objects without holding the GIL.
bool python_handles_sigint() {
  struct sigaction action = {};
  sigaction(SIGINT, nullptr, &action);
  return (action.sa_flags & SA_SIGINFO) != 0 ||
         (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

bool tell_python() {
  if (!python_handles_sigint()) return false;
  PyErr_SetInterruptEx(SIGINT);
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
  if (open && wanted == run->serial) return trip();
  if (!loop_handles) return;
  nudged = true;
  tell_python();
}

// Python's subprocess, told of the interrupt, looks for its child's end at once, and then not
// before a whole millisecond is over. A number that has been closed meanwhile does no harm.
void wait_for_child() {
  constexpr int kMilliseconds = 1;
  pollfd end = {child.exchange(-1), POLLIN, 0};
  if (end.fd >= 0) ::poll(&end, 1, kMilliseconds);
}

void act(std::uint64_t serial) {
  if (serial == 0) return nudge();
  if (is_at_rest(serial)) {
    if (serial == (kAtRest | run->stirring)) trip_at_rest();
    return;
  }
  // An execution may be interrupted before the worker has taken it up, so a newer one is kept.
  if (serial < run->serial) return;
  wanted = serial;
  if (open && serial == run->serial) {
    trip();
    return wait_for_child();
  }
  // It cannot be taken up while a task at rest goes on and on.
  if (run->stirring % 2 == 1) trip_at_rest();
}

void handle(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const int error = errno;
  act(reinterpret_cast<std::uint64_t>(info->si_value.sival_ptr));
  errno = error;
}

}  // namespace

int signal_number() { return SIGRTMAX - 4; }

void install() {
  struct sigaction action = {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;  // no SA_RESTART: it is to end system calls
  sigfillset(&action.sa_mask);
  sigaction(signal_number(), &action, nullptr);
}

void set_child(int descriptor) { child = descriptor; }
void share(Running& place) { run = &place; }

void go_on_at_rest() {
  run->active = false;
  rest();
}

void stir() {
  if (run->stirring % 2 == 0) run->stirring = run->stirring + 1;
}

void rest() {
  if (run->stirring % 2 == 1) run->stirring = run->stirring + 1;
}

bool is_at_rest(std::uint64_t target) { return (target & kAtRest) != 0; }

void begin(std::uint64_t serial) {
  rest();
  run->serial = serial;
  run->active = true;
}

Window::Window() {
  open = true;
  if (wanted == run->serial) trip();
}

Window::~Window() {
  open = false;
  if (!tripped.exchange(false)) return;
  const SavedError kept;
  if (settle_signals()) wanted = run->serial.load();
}

void end() {
  run->active = false;
  run->serial = run->serial + 1;  // what is still on its way for this one is stale
}

std::uint64_t current() {
  if (run->active) return run->serial;
  const std::uint64_t task = run->stirring;
  return task % 2 == 1 ? kAtRest | task : 0;
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
