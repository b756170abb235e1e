#include "protocol/encoder.h"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "protocol/frames.h"
#include "text/utf8.h"

namespace replwire::protocol {
namespace {

std::string escaped(std::string_view bytes) {
  std::string out;
  text::append_escaped(out, bytes);
  return out;
}

TEST(EncoderTest, OptionalFieldsAreLeftOutAndNullableOnesAreNull) {
  Result result = {};
  result.execution_id = std::int64_t{3};
  result.execution_time = 0.5;
  EXPECT_EQ(encode(result),
            "{\"type\":\"result\",\"execution_id\":3,\"execution_count\":null,\"repr\":null,"
            "\"execution_time\":0.5}\n");
}

TEST(EncoderTest, AFloatStaysAFloat) {
  std::string out;
  for (const double number : {2.0, 1e300, -0.25, 1e-7}) {
    append_json(out, number);
    out += ' ';
  }
  EXPECT_EQ(out, "2.0 1e+300 -0.25 1e-07 ");
}

TEST(EscapeTest, ALineStaysALine) {
  EXPECT_EQ(escaped("a\"b\\\n\r\t\x01\x7f"), R"(a\"b\\\n\r\t\u0001\u007f)");
  EXPECT_EQ(escaped("\u2028\u2029\u0085"), R"(\u2028\u2029\u0085)");
  EXPECT_EQ(escaped("\u00e9\u20ac\U0001F600"), "\u00e9\u20ac\U0001F600");
}

TEST(EscapeTest, EachMaximalInvalidPrefixIsOneReplacement) {
  EXPECT_EQ(escaped("a\xff"
                    "b"),
            "a\uFFFDb");
  EXPECT_EQ(escaped("\xe2\x82"
                    "x"),
            "\uFFFDx");
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(escaped("\xf0\x9f\x98"), "\uFFFD");
}

TEST(EscapeTest, StopsBeforeTheRoomIsExceededAndNeverInsideACharacter) {
  for (std::size_t room = 0; room < 40; ++room) {
    const std::string text = "0123456789abcdefghij\n\u20ac\x01z";
    std::string out;
    const std::size_t taken = text::append_escaped(out, text, room);
    EXPECT_LE(out.size(), room);
    EXPECT_EQ(out, escaped(std::string_view(text).substr(0, taken)));
  }
}

TEST(EscapeTest, AFixedTextHoldsTheSame) {
  std::array<char, 256> buffer;
  text::FixedText fixed(buffer.data(), buffer.size());
  append_line(fixed, ShutdownReply{Id("x\n")});
  EXPECT_EQ(fixed.view(), encode(ShutdownReply{Id("x\n")}));
}

TEST(Utf8Test, TheTailThatMayStillBecomeACharacter) {
  EXPECT_EQ(text::incomplete_tail("abc"), 0U);
  EXPECT_EQ(text::incomplete_tail("a\xe2"), 1U);
  EXPECT_EQ(text::incomplete_tail("a\xe2\x82"), 2U);
  EXPECT_EQ(text::incomplete_tail("a\u20ac"), 0U);
  EXPECT_EQ(text::incomplete_tail("\xf0\x9f\x98"), 3U);
  EXPECT_EQ(text::incomplete_tail("\xff"), 0U);
  EXPECT_EQ(text::incomplete_tail("\x80\x80"), 0U);
}

}  // namespace
}  // namespace replwire::protocol
