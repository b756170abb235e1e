#include "server/survive/interpreter/lock_list.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "server/system/descriptors/descriptor.h"
#include "support/temp_dir.h"

namespace replwire::server::survive {
namespace {

class LockListTest : public ::testing::Test {
 protected:
  // Whether it does while this is on; or another process has locked something meanwhile.
  template <class Switch>
  bool grows(Switch turn) {
    while (list_.has_grown()) {
    }
    turn(true);
    const bool grown = list_.has_grown();
    turn(false);
    return grown;
  }

  replwire_tests::TempDir folder_;
  Descriptor file_{::open(folder_.path("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  LockList list_;
};

TEST_F(LockListTest, SeesALockThatWasTaken) {
  EXPECT_TRUE(grows([this](bool on) { ::flock(file_.get(), on ? LOCK_EX : LOCK_UN); }));
}

TEST_F(LockListTest, SeesOneOfTheOpenFile) {
  EXPECT_TRUE(grows([this](bool on) {
    struct flock lock = {};
    lock.l_type = on ? F_WRLCK : F_UNLCK;
    ::fcntl(file_.get(), F_OFD_SETLK, &lock);
  }));
}

TEST_F(LockListTest, OneOfAProcessIsNoneOfAnOpenFile) {
  const auto lock_for_process = [this](bool on) {
    struct flock lock = {};
    lock.l_type = on ? F_WRLCK : F_UNLCK;
    ::fcntl(file_.get(), F_SETLK, &lock);
  };
  while (grows(lock_for_process)) {
  }
}

}  // namespace
}  // namespace replwire::server::survive
