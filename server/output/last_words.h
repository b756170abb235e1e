#pragma once

#include <functional>

#include "server/output/outputs.h"
#include "server/wire/frame_writer.h"

// What the session says when the process is about to die: what had been printed, then `fatal`, and
// then it dies of the very same cause. All of it is async-signal-safe.
namespace replwire::server::last_words {

// Handles SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, exit() by C code and exceptions that escape our
// own. `traceback` is a file in which the Python stack stands by then. Both objects live as long
// as the process. `of_code`: the pipes of user code that runs in this process, where it may close
// descriptors that it does not own; null: none does.
void install(FrameWriter& writer, Outputs& outputs, int traceback, const CapturePipes* of_code);

// The other signals that end a process which has no handler for them, when Python has started.
void handle_other_signals();

// Until then user code could close the descriptors that it keeps for itself. Apart, since the
// thread has started by the time Python has.
void await_install();

// From here on exit() is no cause for last words: C's exit handlers run, and then, in place of what
// is left of it, `then`.
void expect_exit(std::function<void()> then);

// For a cause that is no signal. Speaks even when user code beside it has closed every descriptor
// of the process: a thread with a descriptor table of its own stands by for it.
[[noreturn]] void die(const char* reason, int status);

}  // namespace replwire::server::last_words
