#include "runtime/interrupts.h"

#include <csignal>

#include <atomic>

#include "runtime/object.h"

namespace replwire::runtime::interrupts {
namespace {

// Shared between the worker thread and a signal handler that runs on it.
std::atomic<std::uint64_t> running{0};
std::atomic<std::uint64_t> wanted{0};  // the newest execution that an interrupt named
std::atomic<bool> open{false};
std::atomic<bool> tripped{false};  // Python was told, and may not have acted yet

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

void trip() {
  wanted = 0;
  tripped = true;
  PyErr_SetInterruptEx(SIGINT);
}

void handle(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto serial = reinterpret_cast<std::uint64_t>(info->si_value.sival_ptr);
  // An execution may be interrupted before the worker has taken it up, so a newer one is kept.
  if (serial < running || serial == 0) return;
  wanted = serial;
  if (open && serial == running) trip();
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

void begin(std::uint64_t serial) { running = serial; }

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

void end() { running = running + 1; }

void settle_signals() {
  if (PyErr_CheckSignals() == 0) return;
  if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
    PyErr_Clear();
  } else {
    PyErr_WriteUnraisable(nullptr);
  }
}

}  // namespace replwire::runtime::interrupts
