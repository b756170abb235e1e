// Functions that came with glibc 2.30 to 2.34, for a wheel that runs on older ones
// (REPLWIRE_LINKER): linked into what is compiled for the glibc of here.

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>

namespace {

// What the kernel writes, and looks at, for the first thread.
struct FirstThread {
  FirstThread() {
    ::prctl(PR_GET_TID_ADDRESS, &number);
    ::syscall(SYS_get_robust_list, 0, &locks, &size);
  }
  int* number = nullptr;
  void* locks = nullptr;
  std::size_t size = 0;
};

const FirstThread kFirstThread;

constexpr const char* kSignals[] = {
    "",     "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1",
    "SEGV", "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN",
    "TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "POLL", "PWR",  "SYS"};

}  // namespace

#pragma GCC visibility push(hidden)
extern "C" {

char __libc_single_threaded = 0;  // of libstdc++: its shared pointers count by atomics

pid_t gettid() noexcept { return static_cast<pid_t>(::syscall(SYS_gettid)); }

int tgkill(pid_t process, pid_t thread, int number) {
  return static_cast<int>(::syscall(SYS_tgkill, process, thread, number));
}

int close_range(unsigned first, unsigned last, int flags) noexcept {
  return static_cast<int>(::syscall(SYS_close_range, first, last, flags));
}

const char* sigabbrev_np(int number) noexcept {
  return number > 0 && number < 32 ? kSignals[number] : nullptr;
}

// A fork() of the first thread without the handlers of pthread_atfork.
pid_t _Fork() noexcept {
  constexpr unsigned long kFlags = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
#if defined(__x86_64__)
  const long child = ::syscall(SYS_clone, kFlags, 0, 0, kFirstThread.number, 0);
#else
  const long child = ::syscall(SYS_clone, kFlags, 0, 0, 0, kFirstThread.number);
#endif
  if (child == 0) ::syscall(SYS_set_robust_list, kFirstThread.locks, kFirstThread.size);
  return static_cast<pid_t>(child);
}
}
#pragma GCC visibility pop
