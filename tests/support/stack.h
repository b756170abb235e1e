#pragma once

#include "support/server_process.h"

namespace replwire_tests {

inline void ask_for_stack(ServerProcess& server, const Json& id = "stack") {
  server.send({{"type", "status"}, {"id", id}, {"stack", true}});
}

inline Json status_asked_once(ServerProcess& server) {
  ask_for_stack(server);
  return server.read_until("status_reply").back();
}

// On a loaded machine the worker may not get to run within the time limit.
inline Json status_with_stack(ServerProcess& server) {
  for (const Clock::time_point deadline = Clock::now() + kPatience;;) {
    Json status = status_asked_once(server);
    if (status.contains("stack") || Clock::now() > deadline) return status;
  }
}

}  // namespace replwire_tests
