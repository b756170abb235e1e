#include "runtime/stack_dump.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csetjmp>
#include <csignal>

#include "runtime/forked.h"
#include "runtime/object.h"

// No part of the Limited API: not every Python has them to be found. The first is what faulthandler
// calls to write a stack.
extern "C" __attribute__((weak)) void _Py_DumpTraceback(int file, PyThreadState* state);
extern "C" __attribute__((weak)) int PyGILState_Check();

namespace replwire::runtime::stack_dump {
namespace {

constexpr std::string_view kHeader = "Stack (most recent call first):\n";
constexpr std::string_view kFile = "  File \"";
constexpr std::string_view kLine = "\", line ";
constexpr std::string_view kFunction = " in ";
constexpr std::string_view kMore = "  ...";
constexpr std::string_view kNoFrame = "  <no Python frame>";
constexpr std::string_view kOwnFiles = "<replwire ";

constexpr std::string_view kEnd = "end\n";

// Reached from the signal handler.
void (*registered)(int signal) = nullptr;  // faulthandler's handler, where it is needed
int dump_file = -1;
int told_event = -1;
std::array<int, 2> fault_signals = {SIGSEGV, SIGBUS};
std::array<struct sigaction, 2> fault_actions;  // what is in place when no stack is read
sigjmp_buf way_out;
pthread_t worker;

void put_back() {
  for (std::size_t i = 0; i < fault_signals.size(); ++i) {
    ::sigaction(fault_signals[i], &fault_actions[i], nullptr);
  }
}

// A fault of our own reading ends the reading; all others are met again by who is there for them.
void handle_fault(int signal, siginfo_t* info, void* /*context*/) {
  const bool sent = info->si_code <= 0;
  if (!sent && ::pthread_equal(::pthread_self(), worker) != 0) siglongjmp(way_out, 1);
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
  for (std::size_t i = 0; i < fault_signals.size(); ++i) {
    ::sigaction(fault_signals[i], &action, &fault_actions[i]);
    sigaddset(&unblocked, fault_signals[i]);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &unblocked, nullptr);  // the handler's return undoes it
}

void dump(int signal) {
  if (registered != nullptr) return registered(signal);
  PyThreadState* state = PyGILState_GetThisThreadState();
  if (state != nullptr) _Py_DumpTraceback(dump_file, state);
}

// When the signal comes in the middle of a call or a return, Python's own list of frames may point
// anywhere for an instant (CPython 3.11 does so in every call from C): such a text has no end.
void write_stack(int signal) {
  worker = ::pthread_self();
  expect_faults();
  if (sigsetjmp(way_out, 1) == 0) {
    dump(signal);
    [[maybe_unused]] const auto written = ::write(dump_file, kEnd.data(), kEnd.size());
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
  if (registered == nullptr || stack_stands_still()) {
    write_stack(signal);
  } else {
    write_stack_apart(signal);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(told_event, &one, sizeof one);
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
  const Ref arguments(function ? Py_BuildValue("(iii)", signal_number(), dump_file, 0) : nullptr);
  if (!arguments || !Ref(PyObject_CallObject(function.get(), arguments.get()))) return false;
  struct sigaction theirs = {};
  ::sigaction(signal_number(), nullptr, &theirs);
  registered = theirs.sa_handler;
  return true;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](unsigned shift) {
    out.push_back(static_cast<char>(0x80U | ((code >> shift) & 0x3FU)));
  };
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0U | (code >> 6U)));
    tail(0);
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0U | (code >> 12U)));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0U | (code >> 18U)));
    tail(12);
    tail(6);
    tail(0);
  }
}

// The length of the escape at the front of `text`, or 0. What is printable ASCII was never escaped,
// and lone surrogates stay as they are.
std::size_t escape(std::string_view text, std::uint32_t& code) {
  const char kind = text.size() > 1 ? text[1] : ' ';
  const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  if (digits == 0 || text.size() < 2 + digits) return 0;
  const char* end = text.data() + 2 + digits;
  if (std::from_chars(text.data() + 2, end, code, 16).ptr != end) return 0;
  const bool printable = code >= 0x20 && code < 0x7F;
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  return printable || surrogate || code > 0x10FFFF ? 0 : 2 + digits;
}

std::string unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::uint32_t code = 0;
    const std::size_t size = text.front() == '\\' ? escape(text, code) : 0;
    if (size != 0) {
      append_utf8(out, code);
    } else {
      out.push_back(text.front());
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

// `  File "NAME", line N in FUNCTION`; a NAME may hold quotes.
std::optional<Frame> frame(std::string_view line) {
  const std::size_t name_end = line.rfind(kLine);
  if (!line.starts_with(kFile) || name_end == line.npos || name_end < kFile.size()) return {};
  const std::size_t number = name_end + kLine.size();
  const std::size_t number_end = line.find(kFunction, number);
  if (number_end == line.npos) return {};
  Frame found = {unescaped(line.substr(kFile.size(), name_end - kFile.size())), 0,
                 unescaped(line.substr(number_end + kFunction.size()))};
  std::from_chars(line.data() + number, line.data() + number_end, found.line);
  return found;
}

}  // namespace

int signal_number() { return SIGRTMAX - 6; }

// Ours lies below faulthandler's as well, which a user's `unregister` then uncovers.
bool install(int file, int told) {
  dump_file = file;
  told_event = told;
  if (_Py_DumpTraceback == nullptr && (!put_in_place() || !register_dump())) return false;
  return put_in_place();
}

bool installed() {
  struct sigaction current = {};
  ::sigaction(signal_number(), nullptr, &current);
  return current.sa_sigaction == handle;
}

std::optional<Frames> parse(std::string_view text) {
  if (!text.starts_with(kHeader) || !text.ends_with(kEnd)) return std::nullopt;
  return parse_lines(text.substr(kHeader.size(), text.size() - kHeader.size() - kEnd.size()));
}

std::optional<Frames> parse_lines(std::string_view text) {
  Frames frames;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    auto found = frame(line);
    if (!found && line != kMore && line != kNoFrame) return std::nullopt;
    if (found && !found->filename.starts_with(kOwnFiles)) frames.push_back(*std::move(found));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::ranges::reverse(frames);
  return frames;
}

}  // namespace replwire::runtime::stack_dump
