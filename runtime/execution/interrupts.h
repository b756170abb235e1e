#pragma once

#include <csignal>

#include "runtime/interpreter_control.h"

// How an interrupt reaches user code, and nothing else. The session notes in InterpreterControl
// what the interrupt is meant for and sends the worker thread kInterruptSignal; the handler drops
// it unless that very execution is under way, and raises SIGINT for Python only while user code is
// in hand. So a late one can hit neither the next execution nor our own Python code, whatever user
// code did to the SIGINT handler. The signal also wakes the thread from a system call; one that
// finds nothing noted does that, and has an interrupt that met SIGINT ignored (as os.system has it)
// tried once more.
namespace replwire::runtime::interrupts {

// Called on the worker. From here on `control` names what runs; it lives as long as the process.
void install(InterpreterControl& control);
InterpreterControl& control();

// What handles SIGINT for the process while no C code has put another function there: ours, and
// Python's own. That other one is called by the signal itself.
using Handler = void (*)(int, siginfo_t*, void*);
void know_handlers(Handler ours, Handler of_python);
// For ours: the code itself has sent the signal, as to any Python.
void raise_own();

// An interrupt of the execution that has begun is acted on while one of these lives: user code is
// in hand. Before, it is kept.
class Window {
 public:
  Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  // What came too late for user code to see waits for the execution's next window, if there is one:
  // its value's repr. The pending exception stays.
  ~Window();
};

// Whether Python's handler for SIGINT is the event loop's: a nudge calls that one again.
void set_loop_handles(bool value);

// For that handler: whether it was called for an interrupt, not for a nudge.
bool take_fresh();

// Lets Python run handlers of signals that came while no user code was in hand. Their
// KeyboardInterrupt is dropped: nothing was running. Returns whether there was one.
bool settle_signals();

}  // namespace replwire::runtime::interrupts
