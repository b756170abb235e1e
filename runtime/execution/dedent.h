#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace replwire::runtime {

struct Dedented {
  std::string code;
  std::size_t margin;  // characters that were taken off each line
};

// Without the spaces and tabs that all lines begin with; lines of white space do not count.
Dedented dedent(std::string_view code);

}  // namespace replwire::runtime
