#include "server/system/process/end_descendants.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>

#include "support/forked.h"

namespace replwire::server {
namespace {

using replwire_tests::forked;

TEST(EndTreeTest, OneThatIsGoneIsNotWaitedFor) {
  const pid_t gone = forked([] {});
  ASSERT_EQ(::waitpid(gone, nullptr, 0), gone);
  const pid_t living = forked([] { ::pause(); });
  const auto begin = std::chrono::steady_clock::now();
  end_tree(0, {gone, living}, std::nullopt, {}, {});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_EQ(::kill(living, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

}  // namespace
}  // namespace replwire::server
