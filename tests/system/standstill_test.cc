// server/system/process/standstill.h, on processes that wait in different ways.
#include "server/system/process/standstill.h"

#include <gtest/gtest.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <thread>

namespace replwire::server {
namespace {

class StandstillTest : public ::testing::Test {
 protected:
  void start(const std::function<void()>& run) {
    child_ = ::fork();
    if (child_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    run();
    ::_exit(0);
  }
  // Whether it is ever found to stand still; a look at each millisecond.
  bool stands_still(int looks) {
    for (int look = 0; look < looks; ++look) {
      if (standstill_.persists(child_, "reader ")) return true;
      ::usleep(1000);
    }
    return false;
  }
  ~StandstillTest() override {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  pid_t child_ = -1;
  Standstill standstill_;
};

void wait_for_nobody() {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait(lock, [] { return false; });
}

TEST_F(StandstillTest, OneThatWaitsForNobodyIsFound) {
  start(wait_for_nobody);
  EXPECT_TRUE(stands_still(20000));
}

TEST_F(StandstillTest, ThreadsThatWaitForOneAnotherAreFound) {
  start([] {
    std::thread other(wait_for_nobody);
    other.join();
  });
  EXPECT_TRUE(stands_still(20000));
}

TEST_F(StandstillTest, OursMayWaitForSomethingElse) {
  start([] {
    std::thread own([] {
      ::prctl(PR_SET_NAME, "reader");
      for (;;) ::pause();
    });
    wait_for_nobody();
  });
  EXPECT_TRUE(stands_still(20000));
}

TEST_F(StandstillTest, OneThatMayStillBeWokenIsNot) {
  start([] {
    std::thread other([] {
      for (;;) ::pause();  // until a signal comes
    });
    wait_for_nobody();
  });
  EXPECT_FALSE(stands_still(300));
}

TEST_F(StandstillTest, OneThatWaitsForAWhileIsNot) {
  start([] {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, std::chrono::seconds(60), [] { return false; });
  });
  EXPECT_FALSE(stands_still(300));
}

TEST_F(StandstillTest, OneThatAnotherProcessMayWakeIsNot) {
  start([] {
    void* const shared =
        ::mmap(nullptr, sizeof(sem_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto* const never = static_cast<sem_t*>(shared);
    ::sem_init(never, 1, 0);
    ::sem_wait(never);
  });
  EXPECT_FALSE(stands_still(300));
}

TEST_F(StandstillTest, OneThatSleepsOrWorksIsNot) {
  start([] {
    for (;;) ::usleep(1000);
  });
  EXPECT_FALSE(stands_still(300));
}

TEST_F(StandstillTest, OneThatIsGoneIsNot) {
  start([] {});
  ::waitpid(child_, nullptr, 0);
  EXPECT_FALSE(stands_still(3));
}

}  // namespace
}  // namespace replwire::server
