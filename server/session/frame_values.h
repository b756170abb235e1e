#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "protocol/encoder.h"
#include "protocol/frames.h"
#include "server/link/worker_stack.h"
#include "server/session/deadline.h"

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

inline std::optional<std::vector<protocol::StackEntry>> stack_of(
    const WorkerStack::Outcome& outcome) {
  const auto* frames = std::get_if<runtime::stack_dump::Frames>(&outcome);
  if (frames == nullptr) return std::nullopt;
  std::vector<protocol::StackEntry> stack;
  for (const auto& [filename, line, function] : *frames)
    stack.push_back({filename, line, function});
  return stack;
}

}  // namespace replwire::server
