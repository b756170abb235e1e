#include "runtime/os/stack_dump.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csetjmp>
#include <csignal>

#include "runtime/object.h"
#include "runtime/os/forked.h"

// No part of the Limited API: not every Python has them to be found. The first is what faulthandler
// calls to write a stack.
extern "C" __attribute__((weak)) void _Py_DumpTraceback(int file, PyThreadState* state);
extern "C" __attribute__((weak)) int PyGILState_Check();

namespace replwire::runtime::stack_dump {
namespace {

constexpr std::array kFaultSignals = {SIGSEGV, SIGBUS};

struct State {
  void (*registered)(int signal) = nullptr;  // faulthandler's handler, where it is needed
  int dump_file = -1;
  int told_event = -1;
  std::array<struct sigaction, 2> fault_actions;  // what is in place when no stack is read
  sigjmp_buf way_out;
  pthread_t worker;
};

// Global, since a signal handler is given nothing.
State state;

void put_back() {
  for (std::size_t i = 0; i < kFaultSignals.size(); ++i) {
    ::sigaction(kFaultSignals[i], &state.fault_actions[i], nullptr);
  }
}

// A fault of our own reading ends the reading; all others are met again by who is there for them.
void handle_fault(int signal, siginfo_t* info, void* /*context*/) {
  const bool sent = info->si_code <= 0;
  if (!sent && ::pthread_equal(::pthread_self(), state.worker) != 0) siglongjmp(state.way_out, 1);
  put_back();
  if (sent) ::raise(signal);
}

void expect_faults() {
  struct sigaction action = {};
  action.sa_sigaction = handle_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigset_t unblocked;
  sigemptyset(&unblocked);
  for (std::size_t i = 0; i < kFaultSignals.size(); ++i) {
    ::sigaction(kFaultSignals[i], &action, &state.fault_actions[i]);
    sigaddset(&unblocked, kFaultSignals[i]);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &unblocked, nullptr);  // the handler's return undoes it
}

void dump(int signal) {
  if (state.registered != nullptr) return state.registered(signal);
  PyThreadState* thread = PyGILState_GetThisThreadState();
  if (thread != nullptr) _Py_DumpTraceback(state.dump_file, thread);
}

// When the signal comes in the middle of a call or a return, Python's own list of frames may point
// anywhere for an instant (CPython 3.11 does so in every call from C): such a text has no end.
void write_stack(int signal) {
  state.worker = ::pthread_self();
  expect_faults();
  if (sigsetjmp(state.way_out, 1) == 0) {
    dump(signal);
    [[maybe_unused]] const auto written = ::write(state.dump_file, kEnd.data(), kEnd.size());
  }
  put_back();
}

// Once a fault has ended faulthandler's handler half-way, it never writes again. So where the stack
// may be changing, it is a copy of the process that reads it: a child without a signal at its end,
// seen by no wait() that does not ask for such.
void write_stack_apart(int signal) {
  const auto child = static_cast<pid_t>(::syscall(SYS_clone, 0, nullptr, nullptr, nullptr, 0));
  if (child == 0) {
    write_stack(signal);
    ::_exit(0);
  }
  while (child > 0 && ::waitpid(child, nullptr, __WCLONE) < 0 && errno == EINTR) {
  }
}

bool stack_stands_still() { return PyGILState_Check != nullptr && PyGILState_Check() == 0; }

void handle(int signal, siginfo_t* info, void* /*context*/) {
  // A forked child has closed both files; what is not queued does not come from the session.
  if (info->si_code != SI_QUEUE || in_forked_child()) return;
  const int error = errno;
  if (state.registered == nullptr || stack_stands_still()) {
    write_stack(signal);
  } else {
    write_stack_apart(signal);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(state.told_event, &one, sizeof one);
  errno = error;
}

bool put_in_place() {
  struct sigaction action = {};
  action.sa_sigaction = handle;
  // The code is not to notice: system calls that can go on do.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  return ::sigaction(signal_number(), &action, nullptr) == 0;
}

// The public way to the same function.
bool register_dump() {
  const Ref module(PyImport_ImportModule("faulthandler"));
  const Ref function(module ? PyObject_GetAttrString(module.get(), "register") : nullptr);
  const Ref arguments(function ? Py_BuildValue("(iii)", signal_number(), state.dump_file, 0)
                               : nullptr);
  if (!arguments || !Ref(PyObject_CallObject(function.get(), arguments.get()))) return false;
  struct sigaction theirs = {};
  ::sigaction(signal_number(), nullptr, &theirs);
  state.registered = theirs.sa_handler;
  return true;
}

}  // namespace

// Ours lies below faulthandler's as well, which a user's `unregister` then uncovers.
bool install(int file, int told) {
  state.dump_file = file;
  state.told_event = told;
  if (_Py_DumpTraceback == nullptr && (!put_in_place() || !register_dump())) return false;
  return put_in_place();
}

bool installed() {
  struct sigaction current = {};
  ::sigaction(signal_number(), nullptr, &current);
  return current.sa_sigaction == handle;
}

}  // namespace replwire::runtime::stack_dump
