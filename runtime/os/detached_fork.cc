#include "runtime/os/detached_fork.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "runtime/os/native_threads.h"

// A process gets another parent only when its own ends, so a process in between has to make it,
// which shares this one's memory and lives for microseconds. But the handlers around a fork() must
// run here: a thread that one of them starts in the process in between would end with that. So
// the two change places on the stack inside of one fork() of C:
//
//   fork()                  prepares: all handlers, ours the last        this process
//     before_fork()         starts the process in between, waits for it  on another stack
//     the system call       the child's parent is the one in between     the process in between
//     behind_..._parent()   ours is the first handler behind it; ends    the process in between
//     behind_..._parent()   goes on from the same place; then all other  this process
//                           handlers, and the return from fork()
//
// The memory being the same, this process finds fork() advanced by one system call.
namespace replwire::runtime {
namespace {

using Place = void* [5];  // __builtin_setjmp's

// Some of these return elsewhere: ThreadSanitizer counts calls and returns, and AddressSanitizer
// marks the stack of a function until it returns.
#define REPLWIRE_CHANGES_STACKS \
  __attribute__((noinline, noclone, no_sanitize_thread, no_sanitize_address))

constexpr int kKilledInBetween = 70;  // exit status

alignas(16) std::array<char, 64UL * 1024> stack_in_between;
alignas(16) std::array<char, 64UL * 1024> stack_to_wait_on;

thread_local const AroundFork* under_way = nullptr;

struct State {
  Place before;
  Place behind;
  bool is_behind;
  int failure;  // errno, when there could be no process in between
  sigset_t mask;
  ucontext_t context;  // of the stack to wait on; it must not lie on one that is left
  Place copied;        // of detached_copy()
  volatile pid_t copy;
};

// Global, since the handlers of pthread_atfork are given nothing, and what runs on another stack no
// more than a number.
State state;

REPLWIRE_CHANGES_STACKS void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
}

REPLWIRE_CHANGES_STACKS int go_on_in_fork(void* parent) {
  die_with(*static_cast<pid_t*>(parent));
  __builtin_longjmp(state.before, 1);
}

// A process that shares this one's memory, has no signal at its end, and is seen by no wait() that
// does not ask for such. Returns once it is gone: false when it could not be made.
REPLWIRE_CHANGES_STACKS bool run_in_between(int (*run)(void*)) {
  pid_t self = ::getpid();
  const pid_t between = ::clone(run, stack_in_between.data() + stack_in_between.size(),
                                CLONE_VM | CLONE_VFORK, &self);
  while (between > 0 && ::waitpid(between, nullptr, __WCLONE) < 0 && errno == EINTR) {
  }
  return between > 0;
}

REPLWIRE_CHANGES_STACKS void wait_for_system_call() {
  state.failure = 0;
  state.is_behind = false;
  if (!run_in_between(go_on_in_fork)) {
    state.failure = errno;
    __builtin_longjmp(state.before, 1);
  }
  if (!state.is_behind) ::_exit(kKilledInBetween);  // with locks of fork()'s held
  __builtin_longjmp(state.behind, 1);
}

REPLWIRE_CHANGES_STACKS void wait_on_another_stack() {
  ::getcontext(&state.context);
  state.context.uc_stack.ss_sp = stack_to_wait_on.data();
  state.context.uc_stack.ss_size = stack_to_wait_on.size();
  state.context.uc_link = nullptr;
  ::makecontext(&state.context, wait_for_system_call, 0);
  ::setcontext(&state.context);
}

}  // namespace

REPLWIRE_CHANGES_STACKS bool before_fork() {
  if (under_way == nullptr) return false;
  native_threads::note();
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &state.mask);
  under_way->before();
  if (__builtin_setjmp(state.before) == 0) wait_on_another_stack();
  return true;
}

REPLWIRE_CHANGES_STACKS bool behind_fork_in_parent() {
  if (under_way == nullptr) return false;
  if (state.failure == 0 && __builtin_setjmp(state.behind) == 0) {
    state.is_behind = true;
    ::_exit(0);
  }
  under_way->in_parent();
  ::pthread_sigmask(SIG_SETMASK, &state.mask, nullptr);
  return true;
}

bool behind_fork_in_child() {
  if (under_way == nullptr) return false;
  if (state.failure != 0) ::_exit(0);  // it is a child like any other: not what was wanted
  native_threads::forget_announced();
  under_way->in_child();
  ::pthread_sigmask(SIG_SETMASK, &state.mask, nullptr);
  return true;
}

pid_t detached_fork(const AroundFork& around) {
  under_way = &around;
  const pid_t child = ::fork();
  under_way = nullptr;
  if (child <= 0 || state.failure == 0) return child;
  ::waitpid(child, nullptr, 0);
  errno = state.failure;
  return -1;
}

// ---- of a process with one thread -------------------------------------------------------------

namespace {

REPLWIRE_CHANGES_STACKS int copy_and_leave(void* parent) {
  die_with(*static_cast<pid_t*>(parent));
  const pid_t child = ::_Fork();
  if (child == 0) __builtin_longjmp(state.copied, 1);
  state.copy = child;
  ::_exit(0);
}

}  // namespace

// A function of its own, since it returns twice; what both sides need is in no register.
REPLWIRE_CHANGES_STACKS pid_t detached_copy() {
  state.copy = -1;
  if (__builtin_setjmp(state.copied) != 0) return 0;
  run_in_between(copy_and_leave);
  return state.copy;
}

}  // namespace replwire::runtime
