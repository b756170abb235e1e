#include "server/system/side_thread.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <iterator>
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

std::ptrdiff_t threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

TEST(SideThreadTest, WithoutAJobThereIsNoThread) {
  const std::ptrdiff_t before = threads();
  SideThread side("side");
  EXPECT_EQ(threads(), before);
  std::promise<void> done;
  side.post([&] { done.set_value(); });
  done.get_future().wait();
  EXPECT_EQ(threads(), before + 1);
}

}  // namespace
}  // namespace replwire::server
