#pragma once

#include <array>
#include <functional>

#include "server/output/capture_pipes.h"
#include "server/system/asio.h"

namespace replwire::server {

// Has the io_context say when there is something in the capture pipes. Reading them is the owner's
// business (Outputs), under its lock.
class Capture {
 public:
  Capture(asio::io_context& io, CapturePipes& pipes);
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture();

  // Calls `readable` on the io_context, once, when there is something to read.
  void wait(const std::function<void()>& readable);

  CapturePipes& pipes() { return pipes_; }

 private:
  struct Waiting {
    asio::posix::stream_descriptor read_end;
    bool waits = false;
  };

  CapturePipes& pipes_;
  std::array<Waiting, 2> waiting_;
};

}  // namespace replwire::server
