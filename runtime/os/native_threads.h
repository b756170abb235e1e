#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

// Threads that Python knows nothing of: pools of native libraries. A snapshot has none of them, and
// whoever waits for one there waits for ever.
namespace replwire::runtime::native_threads {

// The calling thread is the program's own, one of four at most. Whoever starts it announces it, and
// takes that back (-1) when it could not.
void announce(int more);
void claim();

// Whether there are threads besides the worker and our own, Python's included; true where the
// system does not tell. One system call.
bool are_others();

// Ends those that their library starts again when it needs them.
void end_pools();

// The threads that Python knows: they are not noted.
void know(std::vector<pid_t> of_python);

// Notes the other threads of this process, without the calling one and our own: the last thing
// before a snapshot is made, when the libraries have ended what they end by themselves.
void note();

// In the snapshot: those that were announced do not come any more.
void forget_announced();

// The names of those that were noted. One that bears no name of its own has the process's.
const std::vector<std::string>& noted();

}  // namespace replwire::runtime::native_threads
