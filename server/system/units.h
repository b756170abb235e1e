#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace replwire::server {

// A number's suffix and what it stands for, the empty one first.
using Units = std::vector<std::pair<std::string_view, double>>;
extern const Units kSizes;  // bytes
extern const Units kTimes;  // seconds

// "1.5G" in bytes, "200ms" in seconds; nothing for what is no number, or has another suffix.
std::optional<double> in_units(std::string_view text, const Units& units);

}  // namespace replwire::server
