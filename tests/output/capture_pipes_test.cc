// In a process of its own each: descriptors 1 and 2 are taken over.
#include "server/output/capture_pipes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>

#include <array>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>

#include "server/output/child_watch.h"
#include "server/output/write_pace.h"
#include "support/descriptors.h"

namespace replwire::server {
namespace {

using runtime::Stream;

struct Brought {
  std::string out;
  std::string err;
  bool open = true;
};

Brought read(CapturePipes& pipes) {
  Brought brought;
  brought.open = pipes.read([&brought](Stream stream, std::string_view bytes) {
    (stream == Stream::kStdout ? brought.out : brought.err) += bytes;
  });
  return brought;
}

void say(int fd, std::string_view text) {
  [[maybe_unused]] const auto written = ::write(fd, text.data(), text.size());
}

// A process that has descriptors 1 and 2 as they are now.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ != 0) return;
    char byte = 0;
    go_.write_end.reset();
    [[maybe_unused]] const auto size = ::read(go_.read_end.get(), &byte, 1);
    say(1, "from the child");
    ::_exit(0);
  }
  void finish() {
    go_.write_end.reset();
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  replwire_tests::Pipe go_;
  pid_t pid_;
};

class CapturePipesTest : public ::testing::Test {
 protected:
  void SetUp() override { pipes_.redirect(); }
  void TearDown() override {
    ::dup2(before_[0].get(), 1);
    ::dup2(before_[1].get(), 2);
  }

  // As the owners of the two sides do: the old ones are read on, others take their place.
  std::optional<CapturePipes> set_apart() {
    auto before = pipes_.copy_to_read();
    const auto made = pipes_.make_successors();
    if (!before || !made) return std::nullopt;
    pipes_.replace(*made);
    return before;
  }

  std::array<replwire_tests::Fd, 2> before_{replwire_tests::Fd(::dup(1)),
                                            replwire_tests::Fd(::dup(2))};
  CapturePipes pipes_;
};

TEST_F(CapturePipesTest, BringWhatIsWrittenToDescriptors1And2) {
  EXPECT_FALSE(pipes_.ready());
  say(1, "one");
  say(2, "two");
  EXPECT_TRUE(pipes_.ready());
  const Brought brought = read(pipes_);
  EXPECT_EQ(brought.out, "one");
  EXPECT_EQ(brought.err, "two");
  EXPECT_FALSE(pipes_.ready());
}

TEST_F(CapturePipesTest, AReadOfEmptyPipesBringsNothing) {
  const Brought brought = read(pipes_);
  EXPECT_EQ(brought.out + brought.err, "");
  EXPECT_TRUE(brought.open);
  EXPECT_FALSE(pipes_.lost());
}

TEST_F(CapturePipesTest, ADescriptorThatCodeClosedIsPutBack) {
  ::close(1);
  ::close(2);
  pipes_.restore_closed();
  say(1, "one");
  say(2, "two");
  EXPECT_EQ(read(pipes_).out, "one");
}

TEST_F(CapturePipesTest, ADescriptorThatCodeReplacedIsItsOwn) {
  const replwire_tests::Pipe own;
  ::dup2(own.write_end.get(), 1);
  pipes_.restore_closed();
  say(1, "mine");
  EXPECT_EQ(read(pipes_).out, "");
  EXPECT_EQ(replwire_tests::read_available(own.read_end), "mine");
}

TEST_F(CapturePipesTest, SetApartTheOldOnesGoOnForAChild) {
  Child child;
  auto apart = set_apart();
  ASSERT_TRUE(apart);
  say(1, "new");
  EXPECT_TRUE(read(*apart).open);
  child.finish();
  EXPECT_EQ(read(pipes_).out, "new");
  const Brought brought = read(*apart);
  EXPECT_EQ(brought.out, "from the child");
  EXPECT_FALSE(brought.open && read(*apart).open) << "nobody has them any more";
}

TEST_F(CapturePipesTest, SetApartTheProcesssOwnCopiesLeadIntoTheNewOnes) {
  const replwire_tests::Fd copy(::dup(1));
  const replwire_tests::Fd closed_on_exec(::fcntl(2, F_DUPFD_CLOEXEC, 3));
  auto apart = set_apart();
  ASSERT_TRUE(apart);
  say(copy.get(), "out");
  say(closed_on_exec.get(), "err");
  const Brought brought = read(pipes_);
  EXPECT_EQ(brought.out, "out");
  EXPECT_EQ(brought.err, "err");
  EXPECT_EQ(::fcntl(copy.get(), F_GETFD), 0);
  EXPECT_EQ(::fcntl(closed_on_exec.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(CapturePipesTest, SetApartLeavesWhatCodeReplaced) {
  const replwire_tests::Pipe own;
  ::dup2(own.write_end.get(), 1);
  auto apart = set_apart();
  ASSERT_TRUE(apart);
  say(1, "mine");
  say(2, "theirs");
  EXPECT_EQ(replwire_tests::read_available(own.read_end), "mine");
  EXPECT_EQ(read(pipes_).err, "theirs");
}

TEST_F(CapturePipesTest, BothDescriptorsOnOneStreamStaySo) {
  ::dup2(1, 2);
  auto apart = set_apart();
  ASSERT_TRUE(apart);
  say(2, "error");
  EXPECT_EQ(read(pipes_).out, "error");
}

TEST_F(CapturePipesTest, TheirEndComesBesideAThreadWithATableOfItsOwn) {
  std::binary_semaphore ready{0};
  std::binary_semaphore over{0};
  std::thread thread([&] {
    if (::unshare(CLONE_FILES) == 0) pipes_.close_ends_of_thread();
    ready.release();
    over.acquire();
  });
  ready.acquire();
  auto apart = set_apart();
  ASSERT_TRUE(apart);
  EXPECT_FALSE(read(*apart).open);
  over.release();
  thread.join();
}

TEST_F(CapturePipesTest, LetGoTheyEndForWhoeverElseReadsThem) {
  CapturePipes copy = *pipes_.copy_to_read();
  EXPECT_TRUE(read(copy).open);
  pipes_.let_go();
  EXPECT_FALSE(read(copy).open);
  say(1, "nowhere");
}

TEST_F(CapturePipesTest, WhatLedIntoTheOnesThatWereLetGoLeadsIntoTheOthers) {
  ::dup2(1, 2);
  pipes_.let_go();
  CapturePipes others;
  pipes_.become(others);
  say(1, "one");
  say(2, " two");
  EXPECT_EQ(read(pipes_).out, "one two");
  EXPECT_EQ(pipes_.inodes(), others.inodes());
}

TEST_F(CapturePipesTest, WhatWasReplacedIsItsOwnAmongOthersToo) {
  const replwire_tests::Pipe own;
  ::dup2(own.write_end.get(), 1);
  pipes_.let_go();
  pipes_.become(CapturePipes());
  say(1, "mine");
  EXPECT_EQ(replwire_tests::read_available(own.read_end), "mine");
}

TEST_F(CapturePipesTest, GivenUpTheyEndUnlessAnotherProcessHasThem) {
  {
    Child child;
    pipes_.give_up_ends();
    EXPECT_TRUE(read(pipes_).open);
    child.finish();
  }
  while (read(pipes_).open) ::sched_yield();
}

TEST_F(CapturePipesTest, SetApartManyTimesTheyHoldNoMoreDescriptors) {
  { const auto once = set_apart(); }
  const std::size_t before = replwire_tests::open_descriptors();
  for (int i = 0; i < 20; ++i) const auto apart = set_apart();
  EXPECT_EQ(replwire_tests::open_descriptors(), before);
}

TEST_F(CapturePipesTest, OnesThatWereClosedAreLost) {
  ::close(pipes_.pipes()[0].read_end.get());
  read(pipes_);
  EXPECT_TRUE(pipes_.lost());
  ::open("/dev/null", O_RDONLY);  // the destructor closes that number
}

TEST(WritePaceTest, AWriteThatFollowsAtOnceHasNoneInBetween) {
  WritePace pace(1'000'000'000);
  pace.other_writes_fit();
  EXPECT_FALSE(pace.other_writes_fit());
  pace.note_look();
  EXPECT_FALSE(pace.other_writes_fit());
}

TEST(WritePaceTest, WithoutAMeasureThereAlwaysMayBeOne) {
  WritePace pace(0);
  pace.other_writes_fit();
  EXPECT_TRUE(pace.other_writes_fit());
}

TEST(WritePaceTest, AWriteToADescriptorFits) {
  const replwire_tests::Pipe pipe;
  WritePace pace;
  for (int i = 0; i < 1000; ++i) {
    pace.other_writes_fit();
    say(pipe.write_end.get(), "x");
    EXPECT_TRUE(pace.other_writes_fit());
  }
}

TEST(ChildWatchTest, SeesAChildThatLivesAndOneThatIsGone) {
  ChildWatch watch;
  EXPECT_FALSE(watch.any());
  const replwire_tests::Pipe pipe;
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::close(pipe.write_end.get());
    [[maybe_unused]] const auto size = ::read(pipe.read_end.get(), &byte, 1);
    ::_exit(0);
  }
  EXPECT_TRUE(watch.any());
  watch.begin();
  EXPECT_TRUE(watch.any());
  say(pipe.write_end.get(), "x");
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(watch.any_gone());
  watch.begin();
  EXPECT_FALSE(watch.any());
}

}  // namespace
}  // namespace replwire::server
