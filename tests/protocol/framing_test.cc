#include "protocol/framing.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace replwire::protocol {
namespace {

// What a splitter makes of these chunks: "number:text", "number!" for a line that is too long.
std::vector<std::string> split(const std::vector<std::string>& chunks, std::size_t limit = 10) {
  LineSplitter lines(limit);
  std::vector<std::string> found;
  const auto note = [&found](const Line& line) {
    found.push_back(std::to_string(line.number) + (line.too_long ? "!" : ":") +
                    std::string(line.text));
  };
  for (const std::string& chunk : chunks) {
    lines.feed(chunk);
    while (const auto line = lines.next()) note(*line);
  }
  if (const auto line = lines.finish()) note(*line);
  return found;
}

using Lines = std::vector<std::string>;

TEST(LineSplitterTest, ManyLinesInOneChunk) {
  EXPECT_EQ(split({"a\nb\nc\n"}), (Lines{"1:a", "2:b", "3:c"}));
}

TEST(LineSplitterTest, OneLineInManyChunks) {
  EXPECT_EQ(split({"a", "b", "c\nd", "\n"}), (Lines{"1:abc", "2:d"}));
}

TEST(LineSplitterTest, LeftoverAtTheEnd) { EXPECT_EQ(split({"a\nb"}), (Lines{"1:a", "2:b"})); }

TEST(LineSplitterTest, NothingIsNoLine) { EXPECT_EQ(split({"", "\n", ""}), Lines{}); }

TEST(LineSplitterTest, BlankLinesAreCountedAndSkipped) {
  EXPECT_EQ(split({"\n \t\r\n\na\n"}), Lines{"4:a"});
}

TEST(LineSplitterTest, CarriageReturnBeforeNewline) {
  EXPECT_EQ(split({"a\r\nb\r", "\nc\r"}), (Lines{"1:a", "2:b", "3:c"}));
}

TEST(LineSplitterTest, ByteOrderMarkAtTheStartOnly) {
  EXPECT_EQ(split({"\xEF\xBB",
                   "\xBF"
                   "a\n\xEF\xBB\xBF"
                   "b\n"}),
            (Lines{"1:a",
                   "2:\xEF\xBB\xBF"
                   "b"}));
}

TEST(LineSplitterTest, TheLimitItselfIsAllowed) {
  EXPECT_EQ(split({"1234567890\n12345678901\nx\n"}), (Lines{"1:1234567890", "2!", "3:x"}));
}

TEST(LineSplitterTest, CarriageReturnDoesNotCount) {
  EXPECT_EQ(split({"1234567890\r", "\n"}), Lines{"1:1234567890"});
}

TEST(LineSplitterTest, TooLongInPiecesIsSkippedToItsEnd) {
  EXPECT_EQ(split({"12345678", "90123", "4567", "\nnext\n"}), (Lines{"1!", "2:next"}));
}

TEST(LineSplitterTest, TooLongAtTheEndOfInput) {
  EXPECT_EQ(split({"123456789012345"}), Lines{"1!"});
}

}  // namespace
}  // namespace replwire::protocol
