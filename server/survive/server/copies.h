#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/link.h"
#include "server/survive/wire/inbox.h"
#include "server/system/asio.h"
#include "server/system/descriptors/descriptor.h"

namespace replwire::server::survive {

// The copies of the interpreter that are at work on one thing beside it, each on a socket of its
// own, until they have told what came of it. What they say is handed on on the strand; `kill` and
// `processes` are for any thread.
class Copies {
 public:
  using Strand = asio::strand<asio::io_context::executor_type>;

  Copies(Strand& strand, std::function<void(runtime::Event)> tell)
      : strand_(strand), tell_(std::move(tell)) {}
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  void add(std::uint64_t serial, Descriptor socket, pid_t pid);
  // On the strand: nothing is told any more.
  void clear();
  void kill(std::uint64_t serial);
  std::vector<pid_t> processes() const;
  // Returns them once, for whoever ends them: their numbers may be somebody else's then.
  std::vector<pid_t> give_up();

 private:
  struct Copy {
    asio::posix::stream_descriptor socket;
    Descriptor process;
    pid_t pid;
    Inbox in = {};
    bool done = false;
  };

  void watch(std::uint64_t serial);
  bool read(std::uint64_t serial, Copy& copy);

  Strand& strand_;
  std::function<void(runtime::Event)> tell_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::unique_ptr<Copy>> all_;
};

}  // namespace replwire::server::survive
