#pragma once

#include <array>
#include <csignal>
#include <cstdint>
#include <functional>

#include "runtime/interpreter_control.h"
#include "server/system/asio.h"
#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

// SIGINT, SIGTERM and SIGHUP that come from outside, handed to the io_context. A signal that was
// inherited as ignored (SIGHUP under nohup) stays so, SIGINT apart; user code may put handlers of
// its own in place, as in any Python.
class OutsideSignals {
 public:
  struct Message {
    int signal;
    bool by_terminal;       // a key was pressed, and the whole foreground process group has it
    bool is_own;            // SIGINT that the process sent itself; Python knows of it
    std::uint64_t running;  // the serial of the execution that it found under way, 0 at rest
  };
  using Handler = std::function<void(const Message&)>;

  // Makes the way from the handlers to whoever reads: its end of that.
  static Descriptor open();
  // The same for processes that are to be another session's: its own end, and the handlers'.
  struct Way {
    Descriptor noted;
    Descriptor noting;
  };
  static Way open_another();
  // The handlers' end, for a process that becomes another program; and there.
  static int noting();
  static void note_to(int descriptor);

  OutsideSignals(asio::io_context& io, Descriptor noted, Handler handler);
  OutsideSignals(const OutsideSignals&) = delete;
  OutsideSignals& operator=(const OutsideSignals&) = delete;

  // After Python has installed its own handlers. `control` tells what runs. `whole_group`: a key at
  // the terminal has met the server's process as well, and is left to that one.
  static void install(const runtime::InterpreterControl& control, bool whole_group = false);
  // SIGINT that the process sends itself is given to `take`, in the handler.
  static void give_own_interrupts(void (*take)());
  // Ours, and the one that it took the place of.
  using SignalHandler = void (*)(int, siginfo_t*, void*);
  static std::array<SignalHandler, 2> handlers_of_sigint();

  // In a process that goes on as the one that installed them.
  static void claim();

  // In a forked child: as if we had never been there. Async-signal-safe.
  static void forget_in_child();

 private:
  void wait();

  asio::posix::stream_descriptor pipe_;
  Handler handler_;
};

}  // namespace replwire::server
