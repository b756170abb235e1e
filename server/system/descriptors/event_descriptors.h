#pragma once

#include <poll.h>

#include <vector>

namespace replwire::server {

// The epoll, timer and event descriptors that a server which shares its process with user code
// waits for. Once one is closed the server would wait for ever, or spin, and cannot say so; so it
// is looked at whether they are there.
class EventDescriptors {
 public:
  // Those that are open now.
  EventDescriptors();

  // One system call.
  bool intact();

 private:
  std::vector<pollfd> states_;
};

}  // namespace replwire::server
