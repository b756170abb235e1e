#pragma once

#include <cstdint>
#include <functional>

#include "server/asio.h"

namespace replwire::server {

// SIGINT, SIGTERM and SIGHUP that come from outside, handed to the io_context. A signal that was
// inherited as ignored (SIGHUP under nohup) stays so, SIGINT apart; user code may put handlers of
// its own in place, as in any Python.
class OutsideSignals {
 public:
  struct Message {
    int signal;
    bool by_terminal;       // a key was pressed, and the whole foreground process group has it
    std::uint64_t running;  // the serial of the execution that it found under way, 0 at rest
  };
  using Handler = std::function<void(const Message&)>;

  OutsideSignals(asio::io_context& io, Handler handler);
  OutsideSignals(const OutsideSignals&) = delete;
  OutsideSignals& operator=(const OutsideSignals&) = delete;

  // After Python has installed its own handlers.
  static void install();

  // In a forked child: as if we had never been there. Async-signal-safe.
  static void forget_in_child();

 private:
  void wait();

  asio::posix::stream_descriptor pipe_;
  Handler handler_;
};

}  // namespace replwire::server
