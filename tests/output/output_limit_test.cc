#include "server/output/output_limit.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace replwire::server {
namespace {

using runtime::Stream;

class OutputLimitTest : public ::testing::Test {
 protected:
  OutputLimit limited(std::size_t limit) {
    auto execution = std::make_shared<runtime::Execution>();
    execution->count = 1;
    return {std::move(execution), limit, spools_};
  }

  Spools spools_;
};

TEST_F(OutputLimitTest, NothingIsLeftOutOfLess) {
  OutputLimit limit = limited(100);
  EXPECT_EQ(limit.pass(Stream::kStdout, "short"), "short");
  EXPECT_FALSE(limit.close(Stream::kStdout));
  EXPECT_FALSE(spools_.read(1, Stream::kStdout, 0, 100)) << "nor kept";
}

TEST_F(OutputLimitTest, HalfForTheHeadAndHalfForTheTail) {
  OutputLimit limit = limited(8);
  EXPECT_EQ(limit.pass(Stream::kStdout, "0123456789abcdef"), "0123");
  EXPECT_EQ(limit.pass(Stream::kStdout, "ghij"), "");
  const auto gap = limit.close(Stream::kStdout);
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->offset, 4);
  EXPECT_EQ(gap->omitted, 12);
  EXPECT_EQ(gap->tail, "ghij");
  EXPECT_FALSE(limit.close(Stream::kStdout)) << "it is told once";
}

TEST_F(OutputLimitTest, EachStreamHasItsOwn) {
  OutputLimit limit = limited(4);
  EXPECT_EQ(limit.pass(Stream::kStdout, "abcdef"), "ab");
  EXPECT_EQ(limit.pass(Stream::kStderr, "xyzuvw"), "xy");
}

TEST_F(OutputLimitTest, NoCharacterIsCut) {
  OutputLimit limit = limited(7);
  EXPECT_EQ(limit.pass(Stream::kStdout, "\u20ac\u20ac\u20ac\u20ac"), "\u20ac");
  const auto gap = limit.close(Stream::kStdout);
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->tail, "\u20ac") << "three bytes for the tail";
  EXPECT_EQ(gap->omitted, 6);
}

TEST_F(OutputLimitTest, AllOfItIsKeptForOutputGet) {
  OutputLimit limit = limited(4);
  limit.pass(Stream::kStdout, "abc");
  limit.pass(Stream::kStdout, "defgh");
  const auto part = spools_.read(1, Stream::kStdout, 0, 100);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->bytes, "abcdefgh");
  EXPECT_EQ(part->total, 8);
}

}  // namespace
}  // namespace replwire::server
