#include "server/session/stop/ending.h"

#include <gtest/gtest.h>

#include "session/executions.h"

namespace replwire::server {
namespace {

using namespace replwire_tests;  // NOLINT(google-build-using-namespace)

class EndingTest : public ::testing::Test {
 protected:
  void shut_down(std::optional<protocol::Id> id) {
    ending_.add(ReplyOnce(sent_, "shutdown", std::move(id), 1));
    ending_.shut_down();
  }

  SentFrames sent_;
  Ending ending_{sent_, std::chrono::seconds(2)};
};

TEST_F(EndingTest, AnOpenSessionGoesOn) {
  EXPECT_FALSE(ending_.stop(false, at(0)));
  EXPECT_FALSE(ending_.stop(true, at(0)));
  EXPECT_EQ(ending_.due(), std::nullopt);
  EXPECT_FALSE(ending_.over());
}

TEST_F(EndingTest, AfterTheEndOfInputItStopsOnce) {
  ending_.input_ended();
  EXPECT_TRUE(ending_.stop(false, at(0)));
  EXPECT_TRUE(ending_.stopping());
  EXPECT_FALSE(ending_.stop(false, at(0)));
  EXPECT_EQ(ending_.due(), at(2000)) << "what Python's end may take";
}

TEST_F(EndingTest, AfterTheEndOfInputInquiriesAreAnsweredFirst) {
  ending_.input_ended();
  EXPECT_FALSE(ending_.stop(true, at(0)));
  EXPECT_TRUE(ending_.stop(false, at(0)));
}

TEST_F(EndingTest, AShutdownWaitsForNoInquiry) {
  shut_down("s");
  EXPECT_TRUE(ending_.stop(true, at(0)));
}

TEST_F(EndingTest, AShutdownBeginsOnce) {
  EXPECT_TRUE(ending_.shut_down());
  EXPECT_FALSE(ending_.shut_down());
  EXPECT_TRUE(ending_.shutting_down());
}

TEST_F(EndingTest, AShutdownGivesWhatRunsASecond) {
  shut_down("s");
  ending_.give_time(at(100));
  EXPECT_EQ(ending_.due(), at(1100));
}

TEST_F(EndingTest, AShutdownGivesPythonsEndItsTime) {
  shut_down("s");
  ending_.give_time(at(0));
  EXPECT_TRUE(ending_.stop(false, at(700)));
  EXPECT_EQ(ending_.due(), at(2700));
}

TEST_F(EndingTest, AShutdownEndsWhatTheEndOfInputWouldWaitFor) {
  ending_.input_ended();
  ending_.stop(false, at(0));
  EXPECT_TRUE(ending_.shut_down());
  EXPECT_FALSE(ending_.stop(false, at(5000)));
  ending_.give_time(at(5000));
  EXPECT_EQ(ending_.due(), at(6000));
}

TEST_F(EndingTest, IsOverOnce) {
  shut_down("s");
  ending_.give_time(at(0));
  EXPECT_TRUE(ending_.finish());
  EXPECT_FALSE(ending_.finish());
  EXPECT_TRUE(ending_.over());
  EXPECT_EQ(ending_.due(), std::nullopt);
  EXPECT_FALSE(ending_.stop(false, at(0)));
  ending_.answer();
}

TEST_F(EndingTest, TheEndOfInputHasNoReply) {
  ending_.input_ended();
  ending_.finish();
  ending_.answer();
  EXPECT_TRUE(sent_.take().empty());
}

TEST_F(EndingTest, EachShutdownIsAnsweredInItsOrder) {
  shut_down("first");
  shut_down(std::nullopt);
  shut_down("second");
  EXPECT_TRUE(sent_.take().empty()) << "at the end";
  ending_.finish();
  ending_.answer();
  const std::vector<Json> frames = sent_.take();
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0], (Json{{"type", "shutdown_reply"}, {"id", "first"}}));
  EXPECT_EQ(frames[1], (Json{{"type", "shutdown_reply"}}));
  EXPECT_EQ(frames[2]["id"], "second");
}

TEST_F(EndingTest, ASignalThatEndsItIsAnsweredAsWell) {
  ending_.shut_down();
  ending_.finish();
  ending_.answer();
  EXPECT_EQ(sent_.only(), (Json{{"type", "shutdown_reply"}}));
}

TEST_F(EndingTest, ASignalBehindARequestAddsNoReply) {
  shut_down("s");
  ending_.shut_down();
  ending_.finish();
  ending_.answer();
  EXPECT_EQ(sent_.only()["id"], "s");
}

}  // namespace
}  // namespace replwire::server
