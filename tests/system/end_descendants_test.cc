#include "server/system/process/end_descendants.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>

namespace replwire::server {
namespace {

template <class Body>
pid_t start(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    ::_exit(0);
  }
  return pid;
}

TEST(EndTreeTest, OneThatIsGoneIsNotWaitedFor) {
  const pid_t gone = start([] {});
  ASSERT_EQ(::waitpid(gone, nullptr, 0), gone);
  const pid_t living = start([] { ::pause(); });
  const auto begin = std::chrono::steady_clock::now();
  end_tree(0, {gone, living}, std::nullopt, {}, {});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_EQ(::kill(living, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

}  // namespace
}  // namespace replwire::server
