#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <csignal>
#include <vector>

#include "server/serve/remote.h"

namespace replwire::server::survive {

// Makes the process in which nothing has been run yet, whose copies become interpreters: as the
// server starts, and again when something has killed it.
class Origins {
 public:
  // Before the server changes what children inherit.
  Origins(Channels& channels, const BecomeInterpreter& become, const Sandbox& sandbox,
          const Descriptor& error);

  // The server's end of its socket; none, with errno set, where the system has no room for it. The
  // server may have threads by then; the new process has one, and what the first one had.
  Descriptor make();

 private:
  [[noreturn]] void sleep(Descriptor control);

  Channels& channels_;
  const BecomeInterpreter& become_;
  const Sandbox& sandbox_;
  Descriptor error_;
  sigset_t signals_ = {};
  rlimit descriptors_ = {};
  std::array<char, 16> name_ = {};
};

}  // namespace replwire::server::survive
