#pragma once

#include <chrono>
#include <string>

#include "protocol/encoder.h"
#include "protocol/fields.h"
#include "server/session/stop/deadline.h"

// Between what frames hold and what the session counts in.
namespace replwire::server {

inline std::string json_of(const protocol::Id& id) {
  std::string json;
  protocol::append_json(json, id);
  return json;
}

inline double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

inline Deadline::Duration duration(double seconds) {
  return std::chrono::duration_cast<Deadline::Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace replwire::server
