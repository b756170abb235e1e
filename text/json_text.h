#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace replwire::text {

// Appends `bytes` as the inside of a JSON string (no quotes) until `out` would grow beyond
// `room` bytes, and returns how many bytes of the input that took. Bytes that are not UTF-8 become U+FFFD;
// control characters, U+2028 and U+2029 are escaped, so that a line stays a line everywhere.
std::size_t append_escaped(std::string& out, std::string_view bytes, std::size_t room = SIZE_MAX);

void append_quoted(std::string& out, std::string_view bytes);

void append_number(std::string& out, std::int64_t number);
void append_number(std::string& out, std::uint64_t number);
// `number` must be finite; always with a point or an exponent, so that a float stays one.
void append_number(std::string& out, double number);

}  // namespace replwire::text
