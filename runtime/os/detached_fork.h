#pragma once

#include <sys/types.h>

#include <functional>

namespace replwire::runtime {

// Called nearer to the fork than any handler of pthread_atfork, with all signals blocked.
struct AroundFork {
  std::function<void()> before;
  std::function<void()> in_parent;
  std::function<void()> in_child;  // may take its time: the child's handlers run when it is over
};

// Forks a process that is no child of this one, so that no wait() of user code's and no SIGCHLD
// tells of it: its parent is the nearest subreaper. Returns its number, 0 in it, or -1 with errno
// set. Handlers of pthread_atfork run as for any fork(), those of the parent in this very process
// and on this thread: what they start again is there afterwards. Needs `watch_forks`.
pid_t detached_fork(const AroundFork& around);

// A copy of a process that has one thread, under the same parent; no handler runs.
pid_t detached_copy();

// The handlers of pthread_atfork behind it, for `watch_forks`; the first is the last to run before
// a fork, the others the first behind it. False for a fork of somebody else's.
bool before_fork();
bool behind_fork_in_parent();
bool behind_fork_in_child();

}  // namespace replwire::runtime
