#include "server/system/process/descendants.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <vector>

#include "support/forked.h"

namespace replwire::server {
namespace {

using replwire_tests::forked;

constexpr std::size_t kPairs = 500;

using Pids = std::array<pid_t, kPairs>;

// Pairs of a child that has ended and one that lives. It tells of those that live, and reaps the
// others while the test looks.
void be_a_family(int told, int over) {
  Pids ended = {};
  Pids living = {};
  for (std::size_t i = 0; i < kPairs; ++i) {
    ended[i] = forked([] {});
    living[i] = forked([] { ::pause(); });
  }
  for (const pid_t each : ended) {
    siginfo_t info = {};
    ::waitid(P_PID, static_cast<id_t>(each), &info, WEXITED | WNOWAIT);
  }
  [[maybe_unused]] const auto written = ::write(told, living.data(), sizeof living);
  for (const pid_t each : ended) ::waitpid(each, nullptr, 0);
  char byte = 0;
  [[maybe_unused]] const auto size = ::read(over, &byte, 1);
  for (const pid_t each : living) ::kill(each, SIGKILL);
}

// The system hands out the list by the page: what is reaped between two reads moves the rest on.
TEST(DescendantsTest, ChildThatLivesIsListedWhileOthersAreReaped) {
  for (int round = 0; round < 8; ++round) {
    std::array<int, 2> told = {};
    std::array<int, 2> over = {};
    ASSERT_EQ(::pipe(told.data()), 0);
    ASSERT_EQ(::pipe(over.data()), 0);
    const pid_t family = forked([&] { be_a_family(told[1], over[0]); });
    Pids living = {};
    ASSERT_EQ(::read(told[0], living.data(), sizeof living), ssize_t{sizeof living});
    for (std::size_t listed = 2 * kPairs; listed > kPairs;) {
      const std::vector<pid_t> children = children_of(family);
      listed = children.size();
      const auto missing = [&](pid_t pid) { return !std::ranges::count(children, pid); };
      EXPECT_EQ(std::ranges::count_if(living, missing), 0) << "of " << listed;
    }
    ASSERT_EQ(::write(over[1], "x", 1), 1);
    ::waitpid(family, nullptr, 0);
    for (const int fd : {told[0], told[1], over[0], over[1]}) ::close(fd);
  }
}

}  // namespace
}  // namespace replwire::server
