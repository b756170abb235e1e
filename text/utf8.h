#pragma once

#include <cstddef>
#include <string_view>

namespace replwire::text {

// One step through bytes that claim to be UTF-8.
struct Character {
  std::size_t size;  // bytes taken, at least 1
  char32_t code;     // U+FFFD when not valid
  bool valid;
  bool incomplete;  // the bytes end inside a character that could still become valid
};

// The character at the front of `bytes`, which must not be empty. An invalid sequence takes its
// maximal valid prefix, so that each becomes one U+FFFD (Unicode 15, section 3.9).
Character decode_utf8(std::string_view bytes);

bool is_valid_utf8(std::string_view bytes);

// How many bytes at the end belong to a character whose rest has not come yet: 0 to 3.
std::size_t incomplete_tail(std::string_view bytes);

// How many bytes at the front are printable ASCII that JSON takes as it is.
std::size_t plain_prefix(std::string_view bytes);

}  // namespace replwire::text
