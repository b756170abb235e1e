#include "server/survive/server/sleepers.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/survive/wire/channels.h"
#include "server/survive/wire/sending.h"

namespace replwire::server::survive {
namespace {

constexpr pid_t kPid = 1 << 30;  // nobody's

// The sleeper's end; it is dead when that is closed.
Descriptor add(Sleepers& sleepers, std::uint64_t number, pid_t pid) {
  auto pair = *SocketPair::open(SOCK_STREAM);
  sleepers.add(number, std::move(pair.server), pid);
  return std::move(pair.interpreter);
}

struct Got {
  std::string bytes;
  std::vector<Descriptor> descriptors;
};
Got receive(const Descriptor& end) {
  Got got;
  receive_some(end.get(), got.bytes, got.descriptors, MSG_DONTWAIT);
  return got;
}

class SleepersTest : public ::testing::Test {
 protected:
  SocketPair link_ = *SocketPair::open(SOCK_STREAM);
  SocketPair inquiries_ = *SocketPair::open(SOCK_STREAM);
  SocketPair origin_ = *SocketPair::open(SOCK_STREAM);
  SocketPair next_origin_ = *SocketPair::open(SOCK_STREAM);
  Sleepers sleepers_{std::move(origin_.server), [this] { return std::move(next_origin_.server); },
                     false};
  Channels channels_;

  SleepersTest() { channels_.signals = Descriptor(::dup(0)); }

  void wake(std::uint64_t number) {
    sleepers_.wake(number, link_.interpreter, inquiries_.interpreter, channels_);
  }
};

TEST_F(SleepersTest, LiveAsLongAsTheirEndIsOpen) {
  Descriptor end = add(sleepers_, 3, kPid);
  EXPECT_EQ(sleepers_.process_of(3), kPid);
  EXPECT_EQ(sleepers_.process_of(4), 0);
  end = {};
  EXPECT_EQ(sleepers_.process_of(3), 0);
}

TEST_F(SleepersTest, TheirProcessesAreKnownWithTheKeepers) {
  const Descriptor end = add(sleepers_, 3, kPid);
  add(sleepers_, 4, kPid + 1);
  auto keeper = *SocketPair::open(SOCK_STREAM);
  sleepers_.set_keeper(std::move(keeper.server), kPid + 2);
  EXPECT_EQ(sleepers_.processes(), (std::vector<pid_t>{kPid + 2, kPid}));
  sleepers_.set_keeper({}, 0);
  EXPECT_EQ(sleepers_.processes(), std::vector<pid_t>{kPid});
}

TEST_F(SleepersTest, OneThatIsDroppedSeesTheEnd) {
  const Descriptor end = add(sleepers_, 3, kPid);
  sleepers_.drop(3);
  char byte = 0;
  EXPECT_EQ(::recv(end.get(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST_F(SleepersTest, OneIsWokenWithTheSocketsOfItsLink) {
  const Descriptor end = add(sleepers_, 3, kPid);
  wake(3);
  const Got got = receive(end);
  EXPECT_EQ(got.bytes, "w");
  EXPECT_EQ(got.descriptors.size(), kForThisSessionAtLeast);
  EXPECT_TRUE(receive(origin_.interpreter).bytes.empty());
}

TEST_F(SleepersTest, AndWithTheKeepersWhenThereIsOne) {
  const Descriptor end = add(sleepers_, 3, kPid);
  auto keeper = *SocketPair::open(SOCK_STREAM);
  sleepers_.set_keeper(std::move(keeper.server), kPid + 2);
  wake(3);
  EXPECT_EQ(receive(end).descriptors.size(), kForThisSessionAtLeast + 1);
}

TEST_F(SleepersTest, TheOriginIsMadeAgainOnlyWhenItIsDead) {
  sleepers_.renew_origin();
  wake(Sleepers::kOrigin);
  EXPECT_EQ(receive(origin_.interpreter).bytes, "w");
  origin_.interpreter = {};
  sleepers_.renew_origin();
  wake(Sleepers::kOrigin);
  EXPECT_EQ(receive(next_origin_.interpreter).bytes, "w");
}

TEST_F(SleepersTest, OneOfAnotherSessionIsWokenWithAllChannels) {
  const Descriptor end = add(sleepers_, 3, kPid);
  Sleepers others(
      {}, [] { return Descriptor(); }, true);
  others.borrow(3, sleepers_.lend(3));
  others.wake(3, link_.interpreter, inquiries_.interpreter, channels_);
  const Got got = receive(end);
  EXPECT_EQ(got.bytes, "b");
  EXPECT_EQ(got.descriptors.size(), Channels::kDescriptors);
}

TEST_F(SleepersTest, OneThatIsSharedLivesAsLongAsAnybodyHasIt) {
  const Descriptor end = add(sleepers_, 3, kPid);
  add(sleepers_, 4, kPid + 1);
  Sleepers others(
      {}, [] { return Descriptor(); }, true);
  others.borrow(3, sleepers_.lend(3));
  EXPECT_EQ(sleepers_.clear(), std::vector<pid_t>{kPid + 1}) << "the other one does not end";
  EXPECT_EQ(others.process_of(3), kPid);
  sleepers_.drop(3);
  EXPECT_EQ(others.clear(), std::vector<pid_t>{kPid});
  char byte = 0;
  EXPECT_EQ(::recv(end.get(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST_F(SleepersTest, AreToldOfALockAndAnswerWhenTheyHaveLetGo) {
  const Descriptor end = add(sleepers_, 3, kPid);
  ASSERT_EQ(::send(end.get(), kLetGo.data(), kLetGo.size(), 0), 1);
  sleepers_.let_go_of_locked();
  EXPECT_EQ(receive(end).bytes, kLockTaken);
  EXPECT_EQ(sleepers_.process_of(3), kPid);
}

TEST_F(SleepersTest, OneThatDoesNotAnswerIsNotWaitedForForLong) {
  const Descriptor end = add(sleepers_, 3, kPid);
  sleepers_.let_go_of_locked();
  EXPECT_EQ(sleepers_.process_of(3), kPid);
}

TEST_F(SleepersTest, AnotherSessionsAreNotTold) {
  const Descriptor end = add(sleepers_, 3, kPid);
  Sleepers borrowers{{}, [] { return Descriptor(); }, true};
  borrowers.borrow(3, sleepers_.lend(3));
  borrowers.let_go_of_locked();
  EXPECT_TRUE(receive(end).bytes.empty());
}

}  // namespace
}  // namespace replwire::server::survive
