#include "server/system/units.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace replwire::server {

const Units kSizes = {{"", 1},         {"B", 1},         {"K", 1 << 10},
                      {"KB", 1 << 10}, {"KIB", 1 << 10}, {"M", 1 << 20},
                      {"MB", 1 << 20}, {"MIB", 1 << 20}, {"G", 1 << 30},
                      {"GB", 1 << 30}, {"GIB", 1 << 30}, {"T", 1024.0 * (1 << 30)}};
const Units kTimes = {{"", 1},     {"MS", 0.001}, {"S", 1},    {"M", 60},
                      {"MIN", 60}, {"H", 3600},   {"D", 86400}};

std::optional<double> in_units(std::string_view text, const Units& units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789.eE+-"), text.size());
  const std::string written(text.substr(0, digits));
  char* end = nullptr;
  const double number = std::strtod(written.c_str(), &end);
  if (written.empty() || *end != '\0') return {};
  std::string suffix(text.substr(digits));
  std::ranges::transform(suffix, suffix.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  for (const auto& [name, factor] : units) {
    if (suffix == name) return number * factor;
  }
  return {};
}

}  // namespace replwire::server
