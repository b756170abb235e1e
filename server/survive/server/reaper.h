#pragma once

#include <sys/types.h>

#include <mutex>
#include <vector>

#include "server/system/asio.h"

namespace replwire::server::survive {

class RemoteLink;

// Waits for the children of this process: the interpreters of all sessions, what sleeps beside
// them, and what descendants of theirs left behind. Until a child is reaped its number is nobody
// else's, so each link that may have an interest in it is asked first, one after the other, each on
// its own strand. Lives on the io_context.
class Reaper {
 public:
  explicit Reaper(asio::io_context& io);
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  // From any thread. A link that is removed may still be asked by what its strand has got before.
  void add(RemoteLink& link);
  void remove(RemoteLink& link);

 private:
  void watch();
  void look();
  void ask(pid_t dead, std::vector<RemoteLink*> said_no);
  RemoteLink* next_to_ask(pid_t dead, const std::vector<RemoteLink*>& said_no);

  asio::io_context& io_;
  asio::signal_set children_;
  bool busy_ = false;  // with one that has died

  std::mutex mutex_;
  std::vector<RemoteLink*> links_;
};

}  // namespace replwire::server::survive
