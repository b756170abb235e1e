#include "runtime/detached_fork.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "runtime/forked.h"

namespace replwire::runtime {
namespace {

// Of the process in between, which lives for the length of one fork() and shares this memory.
alignas(16) std::array<char, 256UL * 1024> stack;

void* here[5];  // where the new process goes on: __builtin_setjmp's
volatile pid_t forked = -1;

// When this process is killed meanwhile, that one may wait for a thread of it for ever.
int fork_and_leave(void* parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != *static_cast<pid_t*>(parent)) ::_exit(0);
  const pid_t child = ::fork();
  if (child == 0) __builtin_longjmp(here, 1);
  forked = child;
  ::_exit(0);
}

// Without a signal at its end, and seen by no wait() that does not ask for such.
void fork_in_between() {
  forked = -1;
  pid_t self = ::getpid();
  const pid_t between =
      ::clone(fork_and_leave, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK, &self);
  while (between > 0 && ::waitpid(between, nullptr, __WCLONE) < 0 && errno == EINTR) {
  }
}

}  // namespace

// A function of its own, since it returns twice; what both sides need is in no register.
__attribute__((noinline, noclone)) pid_t detached_fork() {
  sigset_t all;
  static sigset_t before;  // no handler is to run in the process in between
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const Detaching detaching;
  if (__builtin_setjmp(here) == 0) {
    fork_in_between();
  } else {
    forked = 0;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return forked;
}

}  // namespace replwire::runtime
