#include "text/utf8.h"

#include <algorithm>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace replwire::text {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// What may follow a lead byte (Unicode 15, table 3-7): the range of the second byte.
struct Lead {
  std::size_t size;
  std::uint8_t low;
  std::uint8_t high;
};

Lead classify(std::uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

#if defined(__SSE2__)
// A bit for each of 16 bytes that is not plain.
int special_mask(const char* data) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data));
  // Signed comparison: bytes from 0x80 on are negative, so "below space" catches them as well.
  __m128i special = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
  special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
  special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
  special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)));
  return _mm_movemask_epi8(special);
}
#endif

}  // namespace

Character decode_utf8(std::string_view bytes) {
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  if (first < 0x80) return {1, first, true, false};
  const Lead lead = classify(first);
  if (lead.size == 0) return {1, kReplacement, false, false};
  char32_t code = first & (0xFFU >> (lead.size + 1));
  for (std::size_t i = 1; i < lead.size; ++i) {
    if (i == bytes.size()) return {i, kReplacement, false, true};
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    const std::uint8_t low = i == 1 ? lead.low : 0x80;
    const std::uint8_t high = i == 1 ? lead.high : 0xBF;
    if (byte < low || byte > high) return {i, kReplacement, false, false};
    code = (code << 6) | (byte & 0x3FU);
  }
  return {lead.size, code, true, false};
}

bool is_valid_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    bytes.remove_prefix(plain_prefix(bytes));
    if (bytes.empty()) return true;
    const Character character = decode_utf8(bytes);
    if (!character.valid) return false;
    bytes.remove_prefix(character.size);
  }
  return true;
}

std::size_t incomplete_tail(std::string_view bytes) {
  const std::size_t longest = std::min<std::size_t>(3, bytes.size());
  for (std::size_t size = 1; size <= longest; ++size) {
    const std::string_view tail = bytes.substr(bytes.size() - size);
    const auto lead = static_cast<std::uint8_t>(tail[0]);
    if ((lead & 0xC0U) == 0x80U) continue;
    const Character character = lead < 0x80 ? Character{1, lead, true, false} : decode_utf8(tail);
    return character.incomplete && character.size == size ? size : 0;
  }
  return 0;
}

std::size_t plain_prefix(std::string_view bytes) {
  std::size_t i = 0;
#if defined(__SSE2__)
  for (; i + 16 <= bytes.size(); i += 16) {
    const int mask = special_mask(bytes.data() + i);
    if (mask != 0) return i + static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(mask)));
  }
#endif
  while (i < bytes.size() && is_plain(static_cast<unsigned char>(bytes[i]))) ++i;
  return i;
}

}  // namespace replwire::text
