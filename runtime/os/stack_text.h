#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The text of a stack as CPython writes it for faulthandler, read without any Python.
namespace replwire::runtime::stack_dump {

struct Frame {
  std::string filename;
  std::int64_t line;
  std::string function;
};
using Frames = std::vector<Frame>;

// Stands behind a text that is whole.
inline constexpr std::string_view kEnd = "end\n";

// The frames of user code, the innermost last. Nothing when the text is no whole stack.
std::optional<Frames> parse(std::string_view text);
// Of the lines alone that tell a stack.
std::optional<Frames> parse_lines(std::string_view text);

}  // namespace replwire::runtime::stack_dump
