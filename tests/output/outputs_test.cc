// Gathering and sending, with a client that is a pipe. Descriptors 1 and 2 stay the test's own.
#include "server/output/outputs.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/descriptors.h"

namespace replwire::server {
namespace {

using nlohmann::json;
using runtime::Stream;

runtime::ExecutionRef execution(std::uint64_t serial) {
  return std::make_shared<const runtime::Execution>(
      runtime::Execution{serial, std::to_string(serial), static_cast<std::int64_t>(serial),
                         runtime::Unanswered::kAsk});
}

class OutputsTest : public ::testing::Test {
 protected:
  std::vector<json> frames() {
    std::vector<json> all;
    std::istringstream lines(replwire_tests::read_available(client_.read_end));
    for (std::string line; std::getline(lines, line);) all.push_back(json::parse(line));
    return all;
  }
  std::vector<json> flushed() {
    outputs_.flush();
    return frames();
  }
  void say(const CapturePipes& pipes, std::string_view text) {
    [[maybe_unused]] const auto written =
        ::write(pipes.pipes()[0].write_end.get(), text.data(), text.size());
  }
  static json output(int id, const char* data) {
    return {{"type", "output"}, {"execution_id", id}, {"stream", "stdout"}, {"data", data}};
  }
  static json with(json frame, const json& more) {
    frame.update(more);
    return frame;
  }

  asio::io_context io_;
  replwire_tests::Pipe client_;
  CapturePipes pipes_;
  Capture capture_{io_, pipes_};
  FrameWriter writer_{io_,
                      Descriptor(::dup(client_.write_end.get())),
                      1000,
                      {[this] { outputs_.room_again(); }, [] {}, [] {}, [](int) {}}};
  Outputs outputs_{io_, writer_, capture_, 100'000};
  runtime::ExecutionRef first_ = execution(1);
  runtime::ExecutionRef second_ = execution(2);
};

TEST_F(OutputsTest, UntilItIsOpenedEverythingIsKept) {
  outputs_.write(nullptr, Stream::kStdout, "early");
  outputs_.hand_over();
  EXPECT_TRUE(flushed().empty());
  outputs_.open();
  EXPECT_EQ(frames().size(), 1u);
}

TEST_F(OutputsTest, WritesAreGatheredUntilTheTimerRings) {
  outputs_.open();
  outputs_.set_running(first_, {});
  outputs_.write(first_, Stream::kStdout, "a");
  outputs_.write(first_, Stream::kStdout, "b");
  EXPECT_TRUE(frames().empty());
  while (io_.run_one() != 0) {
    const auto sent = frames();
    if (sent.empty()) continue;
    EXPECT_EQ(sent, std::vector<json>{output(1, "ab")});
    return;
  }
}

TEST_F(OutputsTest, WhatIsHandedOverIsWithTheClientAtOnce) {
  outputs_.open();
  outputs_.set_running(first_, {});
  outputs_.write(first_, Stream::kStdout, "a");
  outputs_.hand_over();
  EXPECT_EQ(frames(), std::vector<json>{output(1, "a")});
}

TEST_F(OutputsTest, ALineOnStandardErrorIsHandedOver) {
  outputs_.open();
  outputs_.write(first_, Stream::kStderr, "half");
  EXPECT_TRUE(frames().empty());
  outputs_.write(first_, Stream::kStderr, " a line\n");
  EXPECT_EQ(frames().at(0)["data"], "half a line\n");
}

TEST_F(OutputsTest, HandedOverAHundredThousandTimesItIsGathered) {
  outputs_.open();
  outputs_.set_running(first_, {});
  const auto start = std::chrono::steady_clock::now();
  std::size_t count = 0;
  for (int i = 0; i < 20'000; ++i) {
    outputs_.write(first_, Stream::kStdout, "x");
    outputs_.hand_over();
    if (i % 100 == 0) count += frames().size();
  }
  const auto periods = (std::chrono::steady_clock::now() - start) / std::chrono::milliseconds(4);
  EXPECT_LE(count + frames().size(), 33 + static_cast<std::size_t>(periods));
}

TEST_F(OutputsTest, StreamsKeepTheirOrder) {
  outputs_.open();
  outputs_.set_running(first_, {});
  for (const Stream stream : {Stream::kStdout, Stream::kStderr, Stream::kStdout}) {
    outputs_.write(first_, stream, "x");
  }
  const auto all = flushed();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1]["stream"], "stderr");
}

TEST_F(OutputsTest, WhatIsNoLongerRunningIsLate) {
  outputs_.open();
  outputs_.set_running(first_, {});
  outputs_.set_running(second_, {});
  outputs_.write(first_, Stream::kStdout, "a");
  EXPECT_EQ(flushed(),
            std::vector<json>{with(output(1, "a"), {{"late", true}, {"execution_count", 1}})});
}

TEST_F(OutputsTest, WhatCameByADescriptorStandsWhereItWasWritten) {
  outputs_.open();
  outputs_.set_running(first_, {});
  outputs_.begin(first_);
  outputs_.write(first_, Stream::kStdout, "a");
  say(pipes_, "b");
  outputs_.write(first_, Stream::kStdout, "c");
  EXPECT_EQ(flushed(), (std::vector<json>{output(1, "a"), with(output(1, "b"), {{"origin", "fd"}}),
                                          output(1, "c")}));
}

TEST_F(OutputsTest, ACharacterInTwoPiecesIsOne) {
  outputs_.open();
  outputs_.set_running(first_, {});
  outputs_.write(first_, Stream::kStdout, "\xe4\xb8");
  outputs_.hand_over();
  EXPECT_TRUE(frames().empty());
  outputs_.write(first_, Stream::kStdout, "\xad");
  outputs_.hand_over();
  EXPECT_EQ(frames(), std::vector<json>{output(1, "\u4e2d")});
}

TEST_F(OutputsTest, TheTwoWaysDoNotMakeACharacterTogether) {
  outputs_.open();
  outputs_.set_running(first_, {});
  outputs_.begin(first_);
  outputs_.write(first_, Stream::kStdout, "\xe4\xb8");
  say(pipes_, "\xad");
  const auto all = flushed();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["data"], "\ufffd");
  EXPECT_EQ(all[1]["data"], "\ufffd");
}

TEST_F(OutputsTest, AtRestWithoutChildrenBytesAreNobodys) {
  outputs_.open();
  outputs_.set_running(first_, {});
  outputs_.begin(first_);
  outputs_.set_running(nullptr, {});
  say(pipes_, "x");
  EXPECT_EQ(flushed().at(0)["execution_id"], nullptr);
}

TEST_F(OutputsTest, AChildIsItsExecutionsAlsoWhenAnotherOneRuns) {
  outputs_.open();
  outputs_.set_running(first_, {});
  outputs_.begin(first_);
  replwire_tests::Pipe go;
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    go.write_end.reset();
    [[maybe_unused]] const auto size = ::read(go.read_end.get(), &byte, 1);
    say(pipes_, "first");
    ::_exit(0);
  }
  outputs_.set_running(second_, {});
  outputs_.begin(second_);
  say(pipes_, "second");
  std::vector<json> all = flushed();
  go.write_end.reset();
  while (all.size() < 2) {
    io_.run_one();
    for (const json& each : flushed()) all.push_back(each);
  }
  EXPECT_EQ(all[0], with(output(2, "second"), {{"origin", "fd"}}));
  EXPECT_EQ(all[1],
            with(output(1, "first"), {{"origin", "fd"}, {"late", true}, {"execution_count", 1}}));
  ::waitpid(child, nullptr, 0);
}

TEST_F(OutputsTest, BehindTheLimitThereIsNoRoomUntilTheClientReads) {
  outputs_.open();
  outputs_.set_running(first_, {});
  while (outputs_.write(first_, Stream::kStdout, std::string(60'000, 'x'))) {
  }
  EXPECT_FALSE(outputs_.room().any());
  while (!outputs_.room().any()) {
    replwire_tests::read_available(client_.read_end);
    io_.run_one();
  }
  EXPECT_TRUE(outputs_.room().wait());
}

TEST_F(OutputsTest, WhenTheSessionEndsThereIsAlwaysRoom) {
  outputs_.open();
  while (outputs_.write(first_, Stream::kStdout, std::string(60'000, 'x'))) {
  }
  outputs_.room().lift_limit();
  EXPECT_TRUE(outputs_.room().any());
}

TEST_F(OutputsTest, ClosedItSendsNothingMore) {
  outputs_.open();
  outputs_.write(first_, Stream::kStdout, "a");
  outputs_.close();
  outputs_.write(first_, Stream::kStdout, "b");
  EXPECT_EQ(flushed().size(), 1u);
}

TEST_F(OutputsTest, AnOutputLimitLeavesOutTheMiddle) {
  outputs_.open();
  outputs_.set_running(first_, 10);
  outputs_.write(first_, Stream::kStdout, "01234....56789");
  const auto all = flushed();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]["data"], "01234");
  EXPECT_EQ(all[1]["omitted"], 4);
  EXPECT_EQ(all[2]["data"], "56789");
  EXPECT_EQ(outputs_.spooled(1, Stream::kStdout, 0, 100)->bytes, "01234....56789");
}

TEST_F(OutputsTest, LastWordsHaveWhatWasNotSent) {
  outputs_.open();
  outputs_.set_running(first_, {});
  outputs_.write(first_, Stream::kStdout, "unsent");
  say(pipes_, "captured");
  outputs_.seize();
  std::string all;
  const auto note = [&all](const runtime::ExecutionRef&, Stream, bool captured,
                           std::string_view bytes) {
    if (!bytes.empty()) all += std::string(captured ? "fd:" : "") + std::string(bytes) + ";";
  };
  outputs_.salvage_pieces(note);
  outputs_.salvage_pipes(note);
  EXPECT_EQ(all, "unsent;fd:captured;");
}

}  // namespace
}  // namespace replwire::server
