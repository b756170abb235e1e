#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "server/asio.h"
#include "server/descriptor.h"

namespace replwire::server::survive {

// Messages on their way into a socket, without waiting for whoever reads it. For any thread.
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

  asio::io_context& io_;
  std::mutex mutex_;
  std::optional<asio::posix::stream_descriptor> socket_;
  std::string bytes_;
  bool waits_ = false;
};

}  // namespace replwire::server::survive
