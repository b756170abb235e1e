#pragma once

#include <csignal>

#include <cstddef>

#include "runtime/os/stack_text.h"

// Where the worker's Python stands, told by a signal handler on its thread: at any moment, without
// the GIL and without running any Python. CPython writes the text, with what faulthandler uses; the
// handler around it survives what that cannot read, and says when the text is whole.
namespace replwire::runtime::stack_dump {

inline constexpr std::size_t kMostFrames = 100;  // CPython leaves out the outermost

// Queued to the worker thread with a value (sigqueue), it has the worker's stack written down.
inline int signal_number() { return SIGRTMAX - 6; }
// Has it written into `file`, and then `told`, an eventfd, counted up. Both descriptors stay open.
// Called on the worker, with the GIL; false with a Python exception set.
bool install(int file, int told);

// Whether the handler is still in place: what user code put there instead must not be called, nor
// the default action taken, which ends the process. On any thread.
bool installed();

}  // namespace replwire::runtime::stack_dump
