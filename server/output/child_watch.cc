#include "server/output/child_watch.h"

#include <sys/resource.h>
#include <sys/wait.h>

namespace replwire::server {

bool ChildWatch::any() const {
  siginfo_t info = {};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || any_gone();
}

// Every process touches memory: the page faults of those that were waited for are counted.
long ChildWatch::trace_of_reaped() {
  rusage usage = {};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

}  // namespace replwire::server
