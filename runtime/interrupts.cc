#include "runtime/interrupts.h"

#include <csignal>

#include <atomic>

#include "runtime/object.h"

namespace replwire::runtime::interrupts {
namespace {

// Shared between the worker thread and a signal handler that runs on it.
std::atomic<std::uint64_t> running{0};
std::atomic<std::uint64_t> wanted{0};  // the newest execution that an interrupt named
std::atomic<bool> active{false};
std::atomic<bool> open{false};
std::atomic<bool> tripped{false};  // Python was told, and may not have acted yet

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// User code may have had SIGINT ignored, or given back its default action; then Python's own
// function, which expects a Python handler, would look at objects without holding the GIL.
bool python_handles_sigint() {
  struct sigaction action = {};
  sigaction(SIGINT, nullptr, &action);
  return (action.sa_flags & SA_SIGINFO) != 0 ||
         (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

// Until Python listens (os.system has SIGINT ignored meanwhile) it stays wanted.
void trip() {
  if (!python_handles_sigint()) return;
  wanted = 0;
  tripped = true;
  PyErr_SetInterruptEx(SIGINT);
}

void handle(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto serial = reinterpret_cast<std::uint64_t>(info->si_value.sival_ptr);
  // An execution may be interrupted before the worker has taken it up, so a newer one is kept.
  if (serial >= running && serial != 0) wanted = serial;
  if (open && wanted == running) trip();
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

void begin(std::uint64_t serial) {
  running = serial;
  active = true;
}

Window::Window() {
  open = true;
  if (wanted == running) trip();
}

Window::~Window() {
  open = false;
  if (!tripped.exchange(false)) return;
  const SavedError kept;
  settle_signals();
}

void end() {
  active = false;
  running = running + 1;  // what is still on its way for this one is stale
}

std::uint64_t current() { return active ? running.load() : 0; }

void settle_signals() {
  if (PyErr_CheckSignals() == 0) return;
  if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
    PyErr_Clear();
  } else {
    PyErr_WriteUnraisable(nullptr);
  }
}

}  // namespace replwire::runtime::interrupts
