#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "server/system/asio.h"
#include "server/system/descriptors/descriptor.h"

namespace replwire::server::survive {

// Messages on their way into a socket, without waiting for whoever reads it. For any thread. Beside
// FrameWriter, with which it shares no more than a buffer and the wait for room: these are gathered
// under the session's lock and sent without it, have one kind, and are forgotten with their reader.
class Outbox {
 public:
  explicit Outbox(asio::io_context& io) : io_(io) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // From here on another socket; what was meant for the one before is forgotten.
  void connect(Descriptor socket);

  void add(std::string_view body);
  void flush();

 private:
  void send();
  void wait_for_room();

  asio::io_context& io_;
  std::mutex mutex_;
  Descriptor socket_;
  std::string bytes_;
  // While there is no room: what is known to the io_context is woken by all that comes, too.
  std::optional<asio::posix::stream_descriptor> waiting_;
};

}  // namespace replwire::server::survive
