#include "runtime/os/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

namespace replwire::runtime {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

using Table = std::array<std::uint32_t, 256>;

constexpr std::array<Table, kWord> make_tables() {
  constexpr std::uint32_t kPolynomial = 0x82F63B78;
  std::array<Table, kWord> tables = {};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1U) != 0 ? value >> 1U ^ kPolynomial : value >> 1U;
    tables[0][byte] = value;
  }
  for (std::size_t i = 1; i < kWord; ++i) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t value = tables[i - 1][byte];
      tables[i][byte] = value >> 8U ^ tables[0][value & 0xFFU];
    }
  }
  return tables;
}

constexpr std::array<Table, kWord> kTables = make_tables();

std::uint64_t word_at(std::string_view bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data(), kWord);
  return word;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(std::string_view bytes,
                                                                      std::uint32_t before) {
  std::uint64_t crc = ~before;
  for (; bytes.size() >= kWord; bytes.remove_prefix(kWord))
    crc = __builtin_ia32_crc32di(crc, word_at(bytes));
  auto rest = static_cast<std::uint32_t>(crc);
  for (const char byte : bytes)
    rest = __builtin_ia32_crc32qi(rest, static_cast<unsigned char>(byte));
  return ~rest;
}
#endif

}  // namespace

std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  if constexpr (std::endian::native == std::endian::little) {
    for (; bytes.size() >= kWord; bytes.remove_prefix(kWord)) {
      const std::uint64_t word = word_at(bytes) ^ crc;
      crc = 0;
      for (std::size_t i = 0; i < kWord; ++i) crc ^= kTables[kWord - 1 - i][word >> 8U * i & 0xFFU];
    }
  }
  for (const char byte : bytes)
    crc = crc >> 8U ^ kTables[0][(crc ^ static_cast<unsigned char>(byte)) & 0xFFU];
  return ~crc;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("sse4.2") != 0) return crc32c_by_instruction(bytes, before);
#endif
  return crc32c_by_tables(bytes, before);
}

}  // namespace replwire::runtime
