#include "server/output/spools.h"

#include <gtest/gtest.h>

#include <string>

#include "support/descriptors.h"

namespace replwire::server {
namespace {

using runtime::Stream;

constexpr std::int64_t kAll = 1 << 20;

std::string kept(Spools& spools, std::int64_t count, Stream stream = Stream::kStdout,
                 std::int64_t offset = 0, std::int64_t size = kAll) {
  const auto part = spools.read(count, stream, offset, size);
  return part ? part->bytes : "nothing";
}

TEST(SpoolsTest, NothingIsKnownOfAStreamThatWasNotKept) {
  Spools spools;
  EXPECT_FALSE(spools.read(1, Stream::kStdout, 0, kAll));
  spools.append(1, Stream::kStdout, "x");
  EXPECT_FALSE(spools.read(1, Stream::kStderr, 0, kAll));
  EXPECT_FALSE(spools.read(2, Stream::kStdout, 0, kAll));
}

TEST(SpoolsTest, ReadsBackWhatWasAppended) {
  Spools spools;
  spools.append(1, Stream::kStdout, "hello ");
  spools.append(1, Stream::kStdout, "world");
  EXPECT_EQ(kept(spools, 1), "hello world");
  EXPECT_EQ(kept(spools, 1, Stream::kStdout, 4, 4), "o wo");
  EXPECT_EQ(spools.read(1, Stream::kStdout, 0, 1)->total, 11);
}

TEST(SpoolsTest, BeyondTheEndThereIsNothing) {
  Spools spools;
  spools.append(1, Stream::kStdout, "hello");
  EXPECT_EQ(kept(spools, 1, Stream::kStdout, 5), "");
  EXPECT_EQ(kept(spools, 1, Stream::kStdout, 500), "");
  EXPECT_EQ(kept(spools, 1, Stream::kStdout, 3, 500), "lo");
}

TEST(SpoolsTest, StreamsAndExecutionsAreKeptApart) {
  Spools spools;
  spools.append(1, Stream::kStdout, "a");
  spools.append(1, Stream::kStderr, "b");
  spools.append(1, Stream::kStdout, "c");
  spools.append(2, Stream::kStdout, "d");
  spools.append(1, Stream::kStderr, "e");
  EXPECT_EQ(kept(spools, 1), "ac");
  EXPECT_EQ(kept(spools, 1, Stream::kStderr), "be");
  EXPECT_EQ(kept(spools, 2), "d");
  EXPECT_EQ(kept(spools, 1, Stream::kStdout, 1, 1), "c");
}

TEST(SpoolsTest, TheOldestMakesWay) {
  Spools spools(10);
  spools.append(1, Stream::kStdout, "11111");
  spools.append(2, Stream::kStdout, "22222");
  spools.append(3, Stream::kStdout, "333");
  EXPECT_FALSE(spools.read(1, Stream::kStdout, 0, kAll));
  EXPECT_EQ(kept(spools, 2), "22222");
  EXPECT_EQ(kept(spools, 3), "333");
}

TEST(SpoolsTest, WhatIsWrittenAroundTheEndOfTheFileComesBackWhole) {
  Spools spools(10);
  for (int count = 1; count <= 50; ++count) {
    const std::string text = std::to_string(1'000'000 + count);
    spools.append(count, Stream::kStdout, text);
    EXPECT_EQ(kept(spools, count), text);
    EXPECT_EQ(kept(spools, count, Stream::kStdout, 5, 2), text.substr(5));
  }
}

TEST(SpoolsTest, OfTheNewestWhatFitsIsKept) {
  Spools spools(10);
  spools.append(1, Stream::kStdout, "0123456");
  spools.append(1, Stream::kStdout, "789abc");
  spools.append(1, Stream::kStdout, "def");
  EXPECT_EQ(kept(spools, 1), "0123456789");
  EXPECT_EQ(spools.read(1, Stream::kStdout, 0, kAll)->total, 16);
}

TEST(SpoolsTest, NeverHoldsMoreThanOneDescriptor) {
  Spools spools;
  spools.append(0, Stream::kStdout, "x");
  const std::size_t before = replwire_tests::open_descriptors();
  for (int count = 1; count < 200; ++count) spools.append(count, Stream::kStdout, "x");
  EXPECT_EQ(replwire_tests::open_descriptors(), before);
}

TEST(SpoolsTest, AReadIsBounded) {
  Spools spools;
  for (int i = 0; i < 17; ++i) spools.append(1, Stream::kStdout, std::string(1 << 20, 'x'));
  const auto part = spools.read(1, Stream::kStdout, 0, 1 << 30);
  EXPECT_EQ(part->bytes.size(), static_cast<std::size_t>(Spools::kMostRead));
}

}  // namespace
}  // namespace replwire::server
