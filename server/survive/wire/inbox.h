#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/system/descriptors/descriptor.h"

// Messages in a stream of bytes: each behind its size, the number of descriptors that come with it
// and, towards the server, the place in the shared output that it comes behind.
namespace replwire::server::survive {

std::string framed(std::string_view body, std::uint64_t position = 0, std::size_t descriptors = 0);

struct Received {
  std::string body;
  std::uint64_t position;
  // All that came with it, or none: one got lost where no number was free.
  std::vector<Descriptor> descriptors;
};

// What has arrived over one socket. A message gets the descriptors that came with its first byte,
// so one that lost its own takes nobody else's.
class Inbox {
 public:
  // As recvmsg(): 0 at the end, -1 when there is nothing.
  ssize_t receive(int socket, int flags);
  // The first whole message, if there is one.
  std::optional<Received> take();

  bool empty() const { return bytes_.empty(); }

 private:
  struct Arrival {
    std::uint64_t begin;  // of the bytes that they came with, in the stream
    std::uint64_t end;
    std::vector<Descriptor> descriptors;
  };

  std::vector<Descriptor> take_descriptors(std::size_t count);

  std::string bytes_;
  std::uint64_t taken_ = 0;  // bytes before those
  std::deque<Arrival> arrivals_;
};

}  // namespace replwire::server::survive
