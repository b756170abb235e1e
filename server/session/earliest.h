#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>

namespace replwire::server {

// Of those that there are.
inline std::optional<std::chrono::steady_clock::time_point> earliest(
    std::initializer_list<std::optional<std::chrono::steady_clock::time_point>> times) {
  std::optional<std::chrono::steady_clock::time_point> earliest;
  for (const auto& time : times) {
    if (time && (!earliest || *time < *earliest)) earliest = time;
  }
  return earliest;
}

}  // namespace replwire::server
