#include "server/output/capture.h"

#include <utility>

namespace replwire::server {

Capture::Capture(asio::io_context& io, CapturePipes& pipes)
    : pipes_(pipes),
      waiting_{Waiting{asio::posix::stream_descriptor(io, pipes.pipes()[0].read_end.get())},
               Waiting{asio::posix::stream_descriptor(io, pipes.pipes()[1].read_end.get())}} {}

Capture::~Capture() {
  for (Waiting& each : waiting_) each.read_end.release();  // the pipes' own
}

void Capture::wait(const std::function<void()>& readable) {
  for (Waiting& each : waiting_) {
    if (std::exchange(each.waits, true)) continue;
    each.read_end.async_wait(asio::posix::stream_descriptor::wait_read,
                             [&each, readable](const boost::system::error_code& error) {
                               each.waits = false;
                               if (!error) readable();
                             });
  }
}

}  // namespace replwire::server
