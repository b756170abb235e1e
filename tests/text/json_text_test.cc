#include "text/json_text.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

namespace replwire::text {
namespace {

std::string in_json(std::string_view bytes) {
  std::string out;
  append_quoted(out, bytes);
  return out;
}

TEST(JsonTextTest, WhatIsValidComesBackFromAJsonParser) {
  std::string all;
  for (int c = 0; c < 0x80; ++c) all.push_back(static_cast<char>(c));
  all += "\u00e9\u20ac\U0001F600\u2028\u2029";
  EXPECT_EQ(nlohmann::json::parse(in_json(all)).get<std::string>(), all);
}

TEST(JsonTextTest, ALineStaysALineEverywhere) {
  const std::string out = in_json("\n\r\u2028\u2029\u0085");
  for (const char* separator : {"\n", "\r", "\u2028", "\u2029"}) {
    EXPECT_EQ(out.find(separator), std::string::npos) << out;
  }
}

TEST(JsonTextTest, EachInvalidSequenceBecomesOneReplacementCharacter) {
  EXPECT_EQ(in_json("a\xFF\xE2\x82z"), "\"a\uFFFD\uFFFDz\"");
}

// A pipe's buffer, a signal handler's: as much as fits, never half of an escape or of a character.
TEST(JsonTextTest, TakesWholeCharactersAsFarAsThereIsRoom) {
  const std::string text = "a\n\u20ac\x01";
  for (std::size_t room = 0; room <= 12; ++room) {
    std::string out;
    const std::size_t taken = append_escaped(out, text, room);
    EXPECT_LE(out.size(), room);
    EXPECT_EQ(nlohmann::json::parse("\"" + out + "\"").get<std::string>(), text.substr(0, taken));
  }
  std::string out;
  EXPECT_EQ(append_escaped(out, text, 12), text.size());
}

TEST(JsonTextTest, AFixedTextDropsWhatDoesNotFit) {
  std::array<char, 4> buffer{};
  FixedText text(buffer.data(), buffer.size());
  text.append("ab").append("cdef");
  EXPECT_EQ(text.view(), "abcd");
  EXPECT_EQ(text.back(), 'd');
  text.resize(1);
  text.push_back('z');
  EXPECT_EQ(text.view(), "az");
}

TEST(JsonTextTest, AFloatStaysOne) {
  const auto number = [](auto value) {
    std::string out;
    append_number(out, value);
    return out;
  };
  EXPECT_EQ(number(1.0), "1.0");
  EXPECT_EQ(number(-0.0), "-0.0");
  EXPECT_EQ(number(std::int64_t{-7}), "-7");
  EXPECT_EQ(number(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  for (const double value : {0.1, 1e300, 5e-324, 123456789.125, 1e16}) {
    const auto parsed = nlohmann::json::parse(number(value));
    EXPECT_TRUE(parsed.is_number_float()) << number(value);
    EXPECT_EQ(parsed.get<double>(), value);
  }
}

}  // namespace
}  // namespace replwire::text
