#include "server/output/output_framer.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "server/output/recent_executions.h"

namespace replwire::server {
namespace {

using nlohmann::json;
using runtime::Stream;

runtime::ExecutionRef execution(std::int64_t serial) {
  return std::make_shared<const runtime::Execution>(
      runtime::Execution{static_cast<std::uint64_t>(serial), std::to_string(serial), serial,
                         runtime::Unanswered::kAsk});
}

class OutputFramerTest : public ::testing::Test {
 protected:
  std::vector<json> append(const runtime::ExecutionRef& execution, Stream stream,
                           std::string bytes) {
    OutputPiece piece = {execution, stream, false, std::move(bytes)};
    std::string frames;
    framer_.append(frames, piece);
    return parsed(frames);
  }
  std::vector<json> rest() {
    std::string frames;
    framer_.append_rest(frames);
    return parsed(frames);
  }
  static std::vector<json> parsed(const std::string& frames) {
    std::vector<json> all;
    std::istringstream lines(frames);
    for (std::string line; std::getline(lines, line);) all.push_back(json::parse(line));
    return all;
  }

  OutputFramer framer_;
  runtime::ExecutionRef first_ = execution(1);
  runtime::ExecutionRef second_ = execution(2);
};

TEST_F(OutputFramerTest, ACharacterInTwoPiecesIsJoined) {
  framer_.set_running(first_, {});
  EXPECT_EQ(append(first_, Stream::kStdout, "a\xC3")[0]["data"], "a");
  EXPECT_EQ(framer_.incomplete()[0].bytes, "\xC3");
  EXPECT_EQ(append(first_, Stream::kStdout, "\xA9")[0]["data"], "\u00e9");
  EXPECT_TRUE(rest().empty());
}

TEST_F(OutputFramerTest, AnotherWriterDoesNotCompleteACharacter) {
  framer_.set_running(first_, {});
  EXPECT_TRUE(append(second_, Stream::kStdout, "\xC3").empty());
  const auto frames = append(first_, Stream::kStdout, "b");
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0]["execution_id"], 2);
  EXPECT_EQ(frames[0]["data"], "\uFFFD");
  EXPECT_EQ(frames[1]["data"], "b");
}

TEST_F(OutputFramerTest, EachStreamKeepsItsOwn) {
  framer_.set_running(first_, {});
  append(first_, Stream::kStdout, "\xC3");
  EXPECT_EQ(append(first_, Stream::kStderr, "e")[0]["data"], "e");
  EXPECT_EQ(append(first_, Stream::kStdout, "\xA9")[0]["data"], "\u00e9");
}

TEST_F(OutputFramerTest, WhatDoesNotRunIsLate) {
  framer_.set_running(second_, {});
  const auto late = append(first_, Stream::kStdout, "x");
  EXPECT_EQ(late[0]["late"], true);
  EXPECT_EQ(late[0]["execution_count"], 1);
  EXPECT_FALSE(append(second_, Stream::kStdout, "x")[0].contains("late"));
}

TEST_F(OutputFramerTest, TheRestHoldsTheTailBehindALimit) {
  framer_.set_running(first_, 20);
  const auto head = append(first_, Stream::kStdout, std::string(10, 'h') + std::string(50, 'x'));
  ASSERT_EQ(head.size(), 1u);
  EXPECT_EQ(head[0]["data"], std::string(10, 'h'));
  const auto left = rest();
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0]["type"], "output_truncated");
  EXPECT_EQ(left[0]["omitted"], 40);
  EXPECT_EQ(left[1]["data"], std::string(10, 'x'));
}

TEST(RecentExecutionsTest, TheLastTwoAreTheOnesThatRan) {
  RecentExecutions recent;
  const auto first = execution(1);
  const auto second = execution(2);
  recent.add(first);
  recent.add(second);
  EXPECT_EQ(recent.find(1, 1, "1"), first);
  EXPECT_EQ(recent.find(2, 2, "2"), second);
  EXPECT_EQ(recent.find(0, -1, ""), nullptr);
}

TEST(RecentExecutionsTest, AnOlderOneIsMadeOnceFromWhatTheRecordSays) {
  RecentExecutions recent;
  recent.add(execution(8));
  const auto made = recent.find(3, -1, "");
  EXPECT_EQ(made->serial, 3u);
  EXPECT_EQ(made->id, "null");
  EXPECT_FALSE(made->count);
  EXPECT_EQ(recent.find(3, -1, ""), made);
  EXPECT_EQ(recent.find(4, 4, "\"d\"")->id, "\"d\"");
}

}  // namespace
}  // namespace replwire::server
