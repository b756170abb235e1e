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

// Ends those that their library starts again when it needs them.
void end_pools();

// Keeps the threads of this process but for the calling one, for `noted`: the last thing before a
// snapshot is made, when the libraries have ended what they end by themselves.
void note();

// In the snapshot: those that were announced do not come any more.
void forget_announced();

// The names of those that were noted, without our own and these, which are Python's. One that bears
// no name of its own has the process's.
std::vector<std::string> noted(const std::vector<pid_t>& except);

}  // namespace replwire::runtime::native_threads
