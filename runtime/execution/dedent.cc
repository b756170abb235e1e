#include "runtime/execution/dedent.h"

#include <algorithm>
#include <optional>

namespace replwire::runtime {
namespace {

constexpr std::string_view kLineEnds = "\r\n";

std::size_t shared(std::string_view line, std::string_view margin) {
  return static_cast<std::size_t>(std::ranges::mismatch(line, margin).in1 - line.begin());
}

template <class Visit>
void for_each_line(std::string_view code, Visit visit) {
  while (!code.empty()) {
    const std::size_t end = std::min(code.find_first_of(kLineEnds), code.size() - 1);
    visit(code.substr(0, end + 1));
    code.remove_prefix(end + 1);
  }
}

}  // namespace

Dedented dedent(std::string_view code) {
  std::optional<std::string_view> margin;
  for_each_line(code, [&margin](std::string_view line) {
    const std::size_t end = line.find_first_not_of(" \t");
    if (end == std::string_view::npos || kLineEnds.find(line[end]) != std::string_view::npos)
      return;
    const std::string_view white = line.substr(0, end);
    margin = margin ? margin->substr(0, shared(*margin, white)) : white;
  });
  Dedented dedented = {{}, margin.value_or("").size()};
  for_each_line(code, [&](std::string_view line) {
    dedented.code.append(line.substr(shared(line, margin.value_or(""))));
  });
  return dedented;
}

}  // namespace replwire::runtime
