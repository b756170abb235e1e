// server/system/sandbox: landlock and call_filter together, as a kernel of each version of Landlock
// would have them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <functional>

#include "server/system/sandbox/call_filter.h"
#include "server/system/sandbox/landlock.h"
#include "support/landlock.h"
#include "support/temp_dir.h"

namespace replwire::server {
namespace {

using Access = landlock::Rule::Access;
using replwire_tests::TempDir;

class RulesTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (replwire_tests::landlock_version() < GetParam()) {
      GTEST_SKIP() << "this kernel's Landlock is of version " << replwire_tests::landlock_version();
    }
    outside_.write("file", "text");
    inside_.write("file", "text");
  }

  // What a process that is held to the rules exits with.
  int held(const std::function<int()>& run) const {
    const pid_t child = ::fork();
    if (child == 0) {
      std::string failure;
      const Descriptor rules = landlock::make_rules(
          {{"/", Access::kRead, false}, {inside_.path(), Access::kWrite, false}}, GetParam(),
          failure);
      constexpr int kTruncate = 3;
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      const bool set = failure.empty() && landlock::enforce(rules) &&
                       call_filter::enforce({false, true, GetParam() >= kTruncate});
      ::_exit(set ? run() : 255);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  static int failed(bool yes) { return yes ? errno : 0; }

  TempDir outside_;
  TempDir inside_;
};

TEST_P(RulesTest, FilesAreWrittenInsideAlone) {
  EXPECT_EQ(held([this] { return failed(::open(outside_.path("file").c_str(), O_WRONLY) < 0); }),
            EACCES);
  EXPECT_EQ(held([this] { return failed(::mkdir(outside_.path("new").c_str(), 0700) != 0); }),
            EACCES);
  EXPECT_EQ(held([this] { return failed(::open(inside_.path("file").c_str(), O_RDWR) < 0); }), 0);
  EXPECT_EQ(held([this] { return failed(::mkdir(inside_.path("new").c_str(), 0700) != 0); }), 0);
}

// Until version 3 Landlock itself does not see it.
TEST_P(RulesTest, NothingIsTruncatedOutside) {
  EXPECT_NE(held([this] { return failed(::truncate(outside_.path("file").c_str(), 0) != 0); }), 0);
  for (const int how : {O_RDONLY | O_TRUNC, O_WRONLY | O_TRUNC, O_RDWR | O_TRUNC, 3 | O_TRUNC}) {
    EXPECT_NE(held([this, how] { return failed(::open(outside_.path("file").c_str(), how) < 0); }),
              0)
        << how;
  }
  EXPECT_EQ(replwire_tests::read_text(outside_.path("file")), "text");
  EXPECT_EQ(
      held([this] { return failed(::open(inside_.path("file").c_str(), O_WRONLY | O_TRUNC) < 0); }),
      0);
}

TEST_P(RulesTest, NothingIsMovedAcross) {
  const std::string in = inside_.path("file");
  const std::string out = outside_.path("file");
  EXPECT_NE(held([&] { return failed(::rename(in.c_str(), out.c_str()) != 0); }), 0);
  EXPECT_NE(held([&] { return failed(::rename(out.c_str(), in.c_str()) != 0); }), 0);
  EXPECT_NE(held([&] { return failed(::link(out.c_str(), (in + "2").c_str()) != 0); }), 0);
  EXPECT_EQ(held([&] { return failed(::rename(in.c_str(), (in + "3").c_str()) != 0); }), 0);
}

TEST_P(RulesTest, NobodyElseIsSignalled) {
  constexpr int kScopes = 6;
  if (GetParam() < kScopes) GTEST_SKIP() << "Landlock has that from version 6 on";
  EXPECT_EQ(held([] { return failed(::kill(::getppid(), 0) != 0); }), EPERM);
  EXPECT_EQ(held([] { return failed(::kill(::getpid(), 0) != 0); }), 0);
}

INSTANTIATE_TEST_SUITE_P(Versions, RulesTest, ::testing::Range(1, 8));

TEST(LandlockTest, APathThatIsNotThereIsNamed) {
  SKIP_WITHOUT_LANDLOCK();
  std::string failure;
  EXPECT_FALSE(landlock::make_rules({{"/no/such", Access::kRead, false}}, 1, failure));
  EXPECT_EQ(failure, "/no/such: No such file or directory");
  failure.clear();
  EXPECT_TRUE(landlock::make_rules({{"/no/such", Access::kRead, true}}, 1, failure));
}

}  // namespace
}  // namespace replwire::server
