#include "runtime/os/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace replwire::runtime {
namespace {

TEST(Crc32cTest, IsTheOneThatTheStandardsName) {
  EXPECT_EQ(crc32c("123456789", 0), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0'), 0), 0x8A9136AAU);
  EXPECT_EQ(crc32c("", 0), 0U);
}

TEST(Crc32cTest, PiecesGiveWhatTheWholeGives) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes.push_back(static_cast<char>(i * 37 % 251));
  const std::uint32_t whole = crc32c(bytes, 0);
  EXPECT_EQ(crc32c_by_tables(bytes, 0), whole);
  for (std::size_t cut = 0; cut < bytes.size(); cut += 13) {
    const std::string_view text(bytes);
    EXPECT_EQ(crc32c(text.substr(cut), crc32c_by_tables(text.substr(0, cut), 0)), whole) << cut;
  }
}

}  // namespace
}  // namespace replwire::runtime
