#include "server/system/side_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

namespace replwire::server {
namespace {

TEST(SideThreadTest, DoesOneJobAfterTheOtherOnAThreadOfItsOwn) {
  SideThread side("side");
  std::string done;
  std::promise<std::thread::id> last;
  side.post([&] { done += 'a'; });
  side.post([&] { done += 'b'; });
  side.post([&] { last.set_value(std::this_thread::get_id()); });
  EXPECT_NE(last.get_future().get(), std::this_thread::get_id());
  EXPECT_EQ(done, "ab");
}

TEST(SideThreadTest, WhoPostsDoesNotWait) {
  std::promise<void> go;
  std::promise<void> done;
  SideThread side("side");
  side.post([&] {
    go.get_future().wait();
    done.set_value();
  });
  go.set_value();
  done.get_future().wait();
}

TEST(SideThreadTest, WithoutAJobThereIsNoThread) { const SideThread side("side"); }

}  // namespace
}  // namespace replwire::server
