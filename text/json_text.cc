#include "text/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "text/utf8.h"

namespace replwire::text {
namespace {

constexpr std::string_view kReplacementBytes = "\xEF\xBF\xBD";

bool needs_escape(char32_t code) {
  return code < 0x20 || code == '"' || code == '\\' || (code >= 0x7F && code < 0xA0) ||
         code == 0x2028 || code == 0x2029;
}

char short_escape(char32_t code) {
  switch (code) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

// The text of one character inside a JSON string; `buffer` holds it when it is an escape.
std::string_view spelling(const Character& character, std::string_view bytes,
                          std::array<char, 6>& buffer) {
  if (!character.valid) return kReplacementBytes;
  if (!needs_escape(character.code)) return bytes.substr(0, character.size);
  buffer[0] = '\\';
  if (const char letter = short_escape(character.code)) {
    buffer[1] = letter;
    return {buffer.data(), 2};
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  buffer[1] = 'u';
  for (unsigned i = 0; i < 4; ++i) buffer[2 + i] = kHex[(character.code >> (12 - 4 * i)) & 0xFU];
  return {buffer.data(), 6};
}

}  // namespace

template <class Out>
std::size_t append_escaped(Out& out, std::string_view bytes, std::size_t room) {
  const std::size_t whole = bytes.size();
  std::array<char, 6> buffer;
  while (!bytes.empty()) {
    const std::size_t plain = std::min(plain_prefix(bytes), room);
    out.append(bytes.substr(0, plain));
    bytes.remove_prefix(plain);
    room -= plain;
    if (bytes.empty() || room == 0) break;
    const Character character = decode_utf8(bytes);
    const std::string_view text = spelling(character, bytes, buffer);
    if (text.size() > room) break;
    out.append(text);
    bytes.remove_prefix(character.size);
    room -= text.size();
  }
  return whole - bytes.size();
}

template <class Out>
void append_number(Out& out, std::int64_t number) {
  std::array<char, 24> digits;
  out.append(digits.data(),
             std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

template <class Out>
void append_number(Out& out, double number) {
  std::array<char, 32> digits;
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out.append(text);
  if (text.find_first_of(".e") == std::string_view::npos) out.append(std::string_view(".0"));
}

template std::size_t append_escaped(std::string&, std::string_view, std::size_t);
template std::size_t append_escaped(FixedText&, std::string_view, std::size_t);
template void append_number(std::string&, std::int64_t);
template void append_number(FixedText&, std::int64_t);
template void append_number(std::string&, double);
template void append_number(FixedText&, double);

}  // namespace replwire::text
