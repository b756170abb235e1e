#include "server/output/last_words.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <semaphore>

#include "runtime/os/forked.h"
#include "server/output/output_frames.h"
#include "server/system/critical.h"
#include "server/system/threads.h"

namespace replwire::server::last_words {
namespace {

struct Deadly {
  int signal;
  std::string_view name;
};
constexpr std::array<Deadly, 5> kDeadly = {{{SIGSEGV, "SIGSEGV"},
                                            {SIGBUS, "SIGBUS"},
                                            {SIGFPE, "SIGFPE"},
                                            {SIGILL, "SIGILL"},
                                            {SIGABRT, "SIGABRT"}}};

// Others whose default is the end of the process. Python looks at them as it starts, and takes one
// that has a handler for none of its own: so they are handled when it has.
constexpr std::array<Deadly, 12> kFromOutside = {{{SIGQUIT, "SIGQUIT"},
                                                  {SIGTRAP, "SIGTRAP"},
                                                  {SIGSYS, "SIGSYS"},
                                                  {SIGXCPU, "SIGXCPU"},
                                                  {SIGALRM, "SIGALRM"},
                                                  {SIGVTALRM, "SIGVTALRM"},
                                                  {SIGPROF, "SIGPROF"},
                                                  {SIGUSR1, "SIGUSR1"},
                                                  {SIGUSR2, "SIGUSR2"},
                                                  {SIGPOLL, "SIGPOLL"},
                                                  {SIGPWR, "SIGPWR"},
                                                  {SIGXFSZ, "SIGXFSZ"}}};

struct State {
  FrameWriter* writer = nullptr;
  Outputs* outputs = nullptr;
  int traceback_file = -1;
  std::atomic<bool> speaking{false};
  struct sigaction deadly_action = {};

  std::binary_semaphore standing_by{0};
  std::binary_semaphore dying{0};
  const char* reason_to_die = "";
  std::function<void()>* expected = nullptr;  // instead of last words at exit()
  int status_to_die = 0;
};

// Global, since a signal handler and an exit handler of C are given nothing.
State state;

struct Room {
  std::array<char, 65536> stack;  // of the worker's handlers: its own may have overflowed
  std::array<char, 65536> traceback;
  std::array<char, 7 * 65536> frame;  // every byte of a traceback may need an escape
};

// Global, since a signal handler cannot allocate, and its stack is one of them.
Room room;

std::size_t read_traceback() {
  const ssize_t size =
      ::pread(state.traceback_file, room.traceback.data(), room.traceback.size(), 0);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

// False when somebody else is dying already.
bool speak(protocol::Fatal fatal) {
  if (state.speaking.exchange(true)) return false;
  state.outputs->seize();  // first: a sender that waits for the writer would keep what it has
  state.writer->seize();
  text::FixedText text(room.frame.data(), room.frame.size());
  const auto send = [&text] {
    state.writer->write_last(text.view());
    text.resize(0);
  };
  const std::size_t traced = read_traceback();
  // A fatal error of Python's own takes faulthandler down first, and leaves its stack on stderr.
  text::FixedText said(room.traceback.data(), room.traceback.size());
  if (traced == 0) said.append(state.outputs->fatal_error_so_far());
  const auto pass_on = [&](const runtime::ExecutionRef& execution, runtime::Stream stream,
                           bool captured, std::string_view bytes) {
    append_output(text, output_frame(execution, stream, captured), bytes, send);
  };
  state.outputs->salvage_pieces(pass_on);
  state.outputs->salvage_pipes([&](const runtime::ExecutionRef& execution, runtime::Stream stream,
                                   bool captured, std::string_view bytes) {
    if (traced == 0 && stream == runtime::Stream::kStderr) said.append(bytes);
    pass_on(execution, stream, captured, bytes);
  });
  fatal.execution_id = id_of(state.outputs->running());
  if (fatal.traceback.empty()) {
    fatal.traceback = traced != 0 ? std::string_view(room.traceback.data(), traced) : said.view();
  }
  protocol::append_line(text, fatal);
  send();
  return true;
}

std::string_view name_of(int signal) {
  for (const Deadly& each : kDeadly) {
    if (each.signal == signal) return each.name;
  }
  for (const Deadly& each : kFromOutside) {
    if (each.signal == signal) return each.name;
  }
  return {};
}

void handle(int signal, siginfo_t* info, void* /*context*/) {
  const bool sent = info->si_code <= 0;
  if (sent && Critical::defer(signal)) return;
  if (!runtime::in_forked_child()) {
    protocol::Fatal fatal = {};
    fatal.signal = name_of(signal);
    if (!speak(fatal)) ::poll(nullptr, 0, 5000);  // the other one ends the process
  }
  std::signal(signal, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
}

void at_exit(int status, void* /*unused*/) {
  if (runtime::in_forked_child()) return;
  if (state.expected != nullptr) {
    std::fflush(nullptr);  // exit() would do it only now
    return (*state.expected)();
  }
  protocol::Fatal fatal = {};
  fatal.reason = "exit";
  fatal.exit_status = status;
  speak(fatal);
}

void stand_by(const CapturePipes* of_code) {
  if (of_code != nullptr && ::unshare(CLONE_FILES) == 0) of_code->close_ends_of_thread();
  state.standing_by.release();
  state.dying.acquire();
  protocol::Fatal fatal = {};
  fatal.reason = state.reason_to_die;
  fatal.exit_status = state.status_to_die;
  speak(fatal);
  ::_exit(state.status_to_die);
}

// What escaped our own code: the text of the exception, in the buffer of `copy`.
std::string_view what_escaped(text::FixedText copy) {
  const std::exception_ptr escaped = std::current_exception();
  if (!escaped) return "terminated without an exception";
  try {
    std::rethrow_exception(escaped);
  } catch (const std::exception& error) {
    return copy.append(error.what()).view();
  } catch (...) {
    return "no std::exception";
  }
}

[[noreturn]] void at_terminate() {
  std::array<char, 1024> text;  // it is no time to allocate
  protocol::Fatal fatal = {};
  fatal.reason = "internal";
  fatal.traceback = what_escaped({text.data(), text.size()});
  if (!runtime::in_forked_child()) speak(fatal);
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

}  // namespace

void install(FrameWriter& writer, Outputs& outputs, int traceback_fd, const CapturePipes* of_code) {
  state.writer = &writer;
  state.outputs = &outputs;
  state.traceback_file = traceback_fd;
  const stack_t alternate = {room.stack.data(), 0, room.stack.size()};
  ::sigaltstack(&alternate, nullptr);
  state.deadly_action.sa_sigaction = handle;
  state.deadly_action.sa_flags = SA_ONSTACK | SA_NODEFER | SA_SIGINFO;
  for (const Deadly& each : kDeadly) ::sigaction(each.signal, &state.deadly_action, nullptr);
  ::on_exit(at_exit, nullptr);
  std::set_terminate(at_terminate);
  start_thread("last-words", [of_code] { stand_by(of_code); }).detach();  // as the process
}

void handle_other_signals() {
  for (const Deadly& each : kFromOutside) {
    struct sigaction before = {};
    ::sigaction(each.signal, nullptr, &before);
    if ((before.sa_flags & SA_SIGINFO) == 0 && before.sa_handler == SIG_DFL)
      ::sigaction(each.signal, &state.deadly_action, nullptr);
  }
}

void await_install() { state.standing_by.acquire(); }

void expect_exit(std::function<void()> then) {
  state.expected = new std::function<void()>(std::move(then));  // never deleted: a handler's
}

void die(const char* reason, int status) {
  state.reason_to_die = reason;
  state.status_to_die = status;
  state.dying.release();
  for (;;) ::pause();
}

}  // namespace replwire::server::last_words
