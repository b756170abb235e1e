#include "server/system/outside_signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace replwire::server {
namespace {

struct Handled {
  int signal;
  struct sigaction before;
};

struct State {
  const runtime::InterpreterControl* control = nullptr;
  int write_end = -1;
  pid_t owner = 0;
  bool leaves_terminal = false;
  void (*own_interrupt)() = nullptr;
  std::array<Handled, 3> handled = {{{SIGINT, {}}, {SIGTERM, {}}, {SIGHUP, {}}}};
};

// Global, since a signal handler is given nothing.
State state;

[[gnu::no_sanitize("thread")]] void note(int signal, siginfo_t* info, void* /*context*/) {
  const int error = errno;
  // A child that has just been forked and not yet forgotten us: the signal is its own affair, and
  // comes again as soon as this handler returns.
  if (::getpid() != state.owner) {
    OutsideSignals::forget_in_child();
    ::raise(signal);
    return;
  }
  if (state.leaves_terminal && info->si_code == SI_KERNEL) return;
  const bool is_own = signal == SIGINT && state.own_interrupt != nullptr && info->si_code <= 0 &&
                      info->si_pid == state.owner;
  // At once: its code may be over by the time the session knows.
  if (is_own) state.own_interrupt();
  const OutsideSignals::Message message = {signal, info->si_code == SI_KERNEL, is_own,
                                           state.control->current()};
  [[maybe_unused]] const auto written = ::write(state.write_end, &message, sizeof message);
  errno = error;
}

}  // namespace

Descriptor OutsideSignals::open() {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  state.write_end = ends[1];
  return Descriptor(ends[0]);
}

OutsideSignals::Way OutsideSignals::open_another() {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

int OutsideSignals::noting() { return state.write_end; }
void OutsideSignals::note_to(int descriptor) { state.write_end = descriptor; }

OutsideSignals::OutsideSignals(asio::io_context& io, Descriptor noted, Handler handler)
    : pipe_(io, noted.release()), handler_(std::move(handler)) {
  wait();
}

void OutsideSignals::claim() { state.owner = ::getpid(); }

void OutsideSignals::install(const runtime::InterpreterControl& of_interpreter, bool whole_group) {
  state.control = &of_interpreter;
  claim();
  state.leaves_terminal = whole_group;
  for (Handled& each : state.handled) {
    ::sigaction(each.signal, nullptr, &each.before);
    if (each.before.sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_sigaction = note;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigemptyset(&action.sa_mask);
    ::sigaction(each.signal, &action, nullptr);
  }
}

void OutsideSignals::give_own_interrupts(void (*take)()) { state.own_interrupt = take; }

std::array<OutsideSignals::SignalHandler, 2> OutsideSignals::handlers_of_sigint() {
  return {note, state.handled.front().before.sa_sigaction};
}

void OutsideSignals::wait() {
  pipe_.async_wait(asio::posix::stream_descriptor::wait_read,
                   [this](const boost::system::error_code& error) {
                     if (error) return;
                     Message message = {};
                     while (::read(pipe_.native_handle(), &message, sizeof message) > 0) {
                       handler_(message);
                     }
                     wait();
                   });
}

void OutsideSignals::forget_in_child() {
  for (const Handled& each : state.handled) {
    struct sigaction current = {};
    ::sigaction(each.signal, nullptr, &current);
    if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == note)
      ::sigaction(each.signal, &each.before, nullptr);
  }
}

}  // namespace replwire::server
