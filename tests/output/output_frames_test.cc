#include "server/output/output_frames.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace replwire::server {
namespace {

using runtime::Stream;

runtime::ExecutionRef execution(std::string id) {
  return std::make_shared<const runtime::Execution>(
      runtime::Execution{1, std::move(id), 1, runtime::Unanswered::kAsk});
}

std::vector<nlohmann::json> frames(const protocol::Output& frame, std::string_view bytes) {
  std::string out;
  append_output(out, frame, bytes, [] {});
  std::vector<nlohmann::json> all;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size() + 1, kOutputFrameBytes);
    all.push_back(nlohmann::json::parse(line));
  }
  return all;
}

std::string data_of(const std::vector<nlohmann::json>& frames) {
  std::string data;
  for (const auto& frame : frames) data += frame["data"].get<std::string>();
  return data;
}

TEST(OutputFramesTest, AShortTextIsOneFrame) {
  const auto all = frames(output_frame(execution("\"a\""), Stream::kStdout), "text\n");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(
      all[0],
      (nlohmann::json{
          {"type", "output"}, {"execution_id", "a"}, {"stream", "stdout"}, {"data", "text\n"}}));
}

TEST(OutputFramesTest, NoTextIsNoFrame) {
  EXPECT_TRUE(frames(output_frame(execution("1"), Stream::kStdout), "").empty());
}

TEST(OutputFramesTest, AnIdKeepsItsKind) {
  EXPECT_EQ(frames(output_frame(execution("7"), Stream::kStderr), "x")[0]["execution_id"], 7);
  EXPECT_EQ(frames(output_frame(nullptr, Stream::kStderr), "x")[0]["execution_id"], nullptr);
}

TEST(OutputFramesTest, WhatCameByADescriptorSaysSo) {
  EXPECT_EQ(frames(output_frame(nullptr, Stream::kStdout, true), "x")[0]["origin"], "fd");
  EXPECT_FALSE(frames(output_frame(nullptr, Stream::kStdout), "x")[0].contains("origin"));
}

TEST(OutputFramesTest, LongTextComesInFramesWithinTheLimit) {
  const std::string text(200'000, 'x');
  const auto all = frames(output_frame(execution("1"), Stream::kStdout), text);
  EXPECT_EQ(all.size(), 4u);
  EXPECT_EQ(data_of(all), text);
}

TEST(OutputFramesTest, EscapesAndCharactersAreNotCut) {
  std::string text;
  for (int i = 0; i < 30'000; ++i) text += i % 3 == 0 ? "\x01" : i % 3 == 1 ? "\u4e2d" : "\"";
  EXPECT_EQ(data_of(frames(output_frame(execution("1"), Stream::kStdout), text)), text);
}

TEST(OutputFramesTest, EachFrameIsDoneBeforeTheNext) {
  std::string out;
  std::size_t done = 0;
  append_output(out, output_frame(nullptr, Stream::kStdout), std::string(130'000, 'x'), [&] {
    ++done;
    EXPECT_EQ(out.back(), '\n');
    out.clear();
  });
  EXPECT_EQ(done, 3u);
}

}  // namespace
}  // namespace replwire::server
