#include "text/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace replwire::text {
namespace {

struct Step {
  std::string bytes;
  std::size_t size;
  char32_t code;
  bool valid;
  bool incomplete;
};

class DecodeTest : public ::testing::TestWithParam<Step> {};

TEST_P(DecodeTest, TakesOneCharacterOrItsMaximalValidPrefix) {
  const Character character = decode_utf8(GetParam().bytes);
  EXPECT_EQ(character.size, GetParam().size);
  EXPECT_EQ(character.code, GetParam().code);
  EXPECT_EQ(character.valid, GetParam().valid);
  EXPECT_EQ(character.incomplete, GetParam().incomplete);
}

INSTANTIATE_TEST_SUITE_P(Valid, DecodeTest,
                         ::testing::Values(Step{"a", 1, U'a', true, false},
                                           Step{{"\0", 1}, 1, 0, true, false},
                                           Step{"\u00e9x", 2, U'\u00e9', true, false},
                                           Step{"\u20ac", 3, U'\u20ac', true, false},
                                           Step{"\U0001F600", 4, U'\U0001F600', true, false},
                                           Step{"\U0010FFFF", 4, U'\U0010FFFF', true, false}));

INSTANTIATE_TEST_SUITE_P(
    Invalid, DecodeTest,
    ::testing::Values(Step{"\x80", 1, 0xFFFD, false, false},              // a continuation alone
                      Step{"\xC0\xAF", 1, 0xFFFD, false, false},          // an overlong form
                      Step{"\xE0\x80\x80", 1, 0xFFFD, false, false},      // the same in three bytes
                      Step{"\xED\xA0\x80", 1, 0xFFFD, false, false},      // a surrogate
                      Step{"\xF4\x90\x80\x80", 1, 0xFFFD, false, false},  // beyond U+10FFFF
                      Step{"\xF5", 1, 0xFFFD, false, false},
                      Step{"\xE2\x82z", 2, 0xFFFD, false, false}));  // two of three bytes

INSTANTIATE_TEST_SUITE_P(Incomplete, DecodeTest,
                         ::testing::Values(Step{"\xC3", 1, 0xFFFD, false, true},
                                           Step{"\xE2\x82", 2, 0xFFFD, false, true},
                                           Step{"\xF0\x9F\x98", 3, 0xFFFD, false, true}));

TEST(Utf8Test, AValidTextHasNoInvalidCharacter) {
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8("gr\u00fc\u00dfe \U0001F600"));
  EXPECT_FALSE(is_valid_utf8("gr\xFC"));
  EXPECT_FALSE(is_valid_utf8("\xF0\x9F\x98")) << "one that is cut off is not valid";
}

TEST(Utf8Test, TheTailIsWhatCouldStillBecomeACharacter) {
  EXPECT_EQ(incomplete_tail(""), 0U);
  EXPECT_EQ(incomplete_tail("abc\u20ac"), 0U);
  EXPECT_EQ(incomplete_tail("abc\xE2"), 1U);
  EXPECT_EQ(incomplete_tail("abc\xE2\x82"), 2U);
  EXPECT_EQ(incomplete_tail("abc\xF0\x9F\x98"), 3U);
  EXPECT_EQ(incomplete_tail("abc\x80\x80"), 0U) << "it cannot become one any more";
}

TEST(Utf8Test, ThePlainPrefixEndsAtWhatJsonEscapes) {
  EXPECT_EQ(plain_prefix("plain text, long enough for a word at a time"), 44U);
  for (const char* end : {"\"", "\\", "\n", "\x1f", "\x7f", "\u00e9"}) {
    EXPECT_EQ(plain_prefix(std::string("twelve bytes") + end + "more"), 12U) << end;
  }
}

}  // namespace
}  // namespace replwire::text
