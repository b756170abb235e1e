// One process writes, the server's takes: here both are this one, unless it matters.
#include "server/output/shared_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "support/descriptors.h"

namespace replwire::server {
namespace {

using runtime::Stream;

runtime::ExecutionRef execution(std::uint64_t serial, std::string id = "\"a\"") {
  return std::make_shared<const runtime::Execution>(
      runtime::Execution{serial, std::move(id), 1, runtime::Unanswered::kAsk});
}

class SharedOutputTest : public ::testing::Test {
 protected:
  auto note() {
    return
        [this](const SharedOutput::Record& record, const std::string& id, std::string_view bytes) {
          taken_.push_back(std::to_string(record.serial) + id + ":" + std::string(bytes));
        };
  }
  bool write(std::uint64_t serial, std::string_view bytes) {
    const SharedOutput::Lock lock(writer_);
    return writer_.append(execution(serial), false, Stream::kStdout, bytes);
  }
  using Taken = std::vector<std::string>;

  SharedOutput server_;
  SharedOutput writer_{Descriptor(::dup(server_.descriptor()))};
  Taken taken_;
};

TEST_F(SharedOutputTest, TakesWhatWasWrittenInOrder) {
  write(1, "a");
  write(2, "b");
  EXPECT_TRUE(server_.take_all(note()));
  EXPECT_EQ(taken_, (Taken{"1:a", "2:b"}));
  EXPECT_TRUE(server_.empty());
}

TEST_F(SharedOutputTest, ANameComesWithWhatTheServerMayNotKnow) {
  {
    const SharedOutput::Lock lock(writer_);
    writer_.append(execution(3, "\"late\""), true, Stream::kStderr, "x");
  }
  server_.take_all(note());
  EXPECT_EQ(taken_, Taken{"3\"late\":x"});
}

TEST_F(SharedOutputTest, EmptyTextIsARecordToo) {
  write(1, "");
  EXPECT_TRUE(server_.take_all(note()));
  EXPECT_EQ(taken_, Taken{"1:"});
}

TEST_F(SharedOutputTest, BehindAnEventThatIsOnItsWayNothingIsTaken) {
  write(1, "before");
  std::uint64_t position = 0;
  {
    const SharedOutput::Lock lock(writer_);
    position = writer_.stamp_event();
  }
  write(1, "behind");
  EXPECT_FALSE(server_.take_all(note()));
  EXPECT_EQ(taken_, Taken{});
  server_.see_event();
  server_.take_until(position, note());
  EXPECT_EQ(taken_, Taken{"1:before"});
  EXPECT_TRUE(server_.take_all(note()));
  EXPECT_EQ(taken_, (Taken{"1:before", "1:behind"}));
}

TEST_F(SharedOutputTest, WhatADeadOneLeftIsTakenWhateverItAnnounced) {
  write(1, "left");
  {
    const SharedOutput::Lock lock(writer_);
    writer_.stamp_event();
  }
  server_.take_rest(note());
  EXPECT_EQ(taken_, Taken{"1:left"});
  write(1, "next");
  EXPECT_TRUE(server_.take_all(note()));
}

TEST_F(SharedOutputTest, GoesRoundItsEnd) {
  const std::string text(100'000, 'x');
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(write(1, text));
    ASSERT_TRUE(server_.take_all(note()));
    ASSERT_EQ(taken_.back().size(), text.size() + 2);
  }
}

TEST_F(SharedOutputTest, TakesNoMoreThanFits) {
  const std::string text(300'000, 'x');
  EXPECT_TRUE(write(1, text));
  EXPECT_FALSE(writer_.has_room());
  EXPECT_TRUE(write(1, text));
  EXPECT_TRUE(write(1, text));
  EXPECT_FALSE(write(1, text));
  server_.take_all(note());
  EXPECT_EQ(taken_.size(), 3u);
  EXPECT_TRUE(writer_.has_room());
}

TEST_F(SharedOutputTest, TheServerIsCalledOnceUntilItTakes) {
  write(1, "a");
  EXPECT_TRUE(writer_.take_call());
  write(1, "b");
  EXPECT_FALSE(writer_.take_call());
  server_.take_all(note());
  write(1, "c");
  EXPECT_TRUE(writer_.take_call());
}

TEST_F(SharedOutputTest, TheServerIsCalledAgainWhenMuchWaits) {
  write(1, "a");
  EXPECT_TRUE(writer_.take_call());
  write(1, std::string(60'000, 'x'));
  EXPECT_TRUE(writer_.take_call());
  EXPECT_FALSE(writer_.take_call());
}

TEST_F(SharedOutputTest, BehindMeansNoRoom) {
  server_.set_behind(true);
  EXPECT_FALSE(writer_.has_room());
  server_.set_behind(false);
  EXPECT_TRUE(writer_.has_room());
  EXPECT_TRUE(writer_.wait_for_room());
}

TEST_F(SharedOutputTest, TakesWithoutTheLockOfAWriter) {
  write(1, "a");
  const SharedOutput::Lock stopped(writer_);
  const SharedOutput::Lock tried(server_, std::try_to_lock);
  EXPECT_FALSE(tried.owns());
  EXPECT_TRUE(server_.take_all(note()));
  EXPECT_EQ(taken_, Taken{"1:a"});
}

TEST_F(SharedOutputTest, AWriterThatDiesWithTheLockGivesItBack) {
  const pid_t child = ::fork();
  if (child == 0) {
    const SharedOutput::Lock lock(writer_);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  {
    const SharedOutput::Lock tried(server_, std::try_to_lock);
    EXPECT_TRUE(tried.owns());
  }
  EXPECT_TRUE(write(1, "a"));
}

TEST_F(SharedOutputTest, AWaitEndsWhenThereIsRoomAgain) {
  server_.set_behind(true);
  const pid_t child = ::fork();
  if (child == 0) {
    while (!writer_.has_room()) writer_.wait_for_room();
    ::_exit(0);
  }
  server_.set_behind(false);
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(SharedOutputTest, ARecordThatCannotBeEndsWhatIsThere) {
  write(1, "a");
  // As a stray pointer of user code's would: the size of the record's bytes.
  std::string memory(4096, '\0');
  ASSERT_GT(::pread(server_.descriptor(), memory.data(), memory.size(), 0), 0);
  const std::size_t text = memory.rfind('a');
  const std::uint32_t huge = 0xfffffff0;
  const std::size_t size_field = text - sizeof(SharedOutput::Record) + 16;
  ASSERT_EQ(::pwrite(server_.descriptor(), &huge, sizeof huge, static_cast<off_t>(size_field)), 4);
  EXPECT_TRUE(server_.take_all(note()));
  EXPECT_TRUE(taken_.empty());
  EXPECT_TRUE(server_.empty());
}

}  // namespace
}  // namespace replwire::server
