#pragma once

#include <sys/types.h>

namespace replwire::runtime {

// Forks a process that is no child of this one, so that no wait() of user code's and no SIGCHLD
// tells of it: its parent is the nearest subreaper. As fork(), it returns twice, 0 in the new
// process; -1 when it failed. Handlers of pthread_atfork run, but for what `watch_forks` was given:
// the new process is no forked child of user code's. For one thread of a process at a time.
pid_t detached_fork();

}  // namespace replwire::runtime
