#include "server/session/stop/deadline.h"

#include <gtest/gtest.h>

#include "session/executions.h"

namespace replwire::server {
namespace {

using namespace replwire_tests;  // NOLINT(google-build-using-namespace)
using Step = Deadline::Step;

class DeadlineTest : public ::testing::Test {
 protected:
  DeadlineTest() { deadline_.begin(10s, 2s, at(0)); }

  Deadline deadline_;
};

TEST_F(DeadlineTest, WithoutATimeoutNothingIsDue) {
  Deadline deadline;
  deadline.begin(std::nullopt, 2s, at(0));
  EXPECT_FALSE(deadline.active());
  EXPECT_EQ(deadline.due(), std::nullopt);
  EXPECT_EQ(deadline.step(at(1000s)), std::nullopt);
}

TEST_F(DeadlineTest, StepsComeAGraceApart) {
  EXPECT_EQ(deadline_.due(), at(10s));
  EXPECT_EQ(deadline_.step(at(9999)), std::nullopt);
  EXPECT_EQ(deadline_.step(at(10000)), Step::kInterrupt);
  EXPECT_EQ(deadline_.due(), at(12s));
  EXPECT_EQ(deadline_.step(at(12000)), Step::kInsist);
  EXPECT_EQ(deadline_.due(), at(14s));
  EXPECT_EQ(deadline_.step(at(14000)), Step::kStuck);
  EXPECT_EQ(deadline_.due(), std::nullopt);
}

TEST_F(DeadlineTest, EachStepComesOnce) {
  EXPECT_EQ(deadline_.step(at(10000)), Step::kInterrupt);
  EXPECT_EQ(deadline_.step(at(10000)), std::nullopt);
}

TEST_F(DeadlineTest, AStepThatComesLateDelaysTheNext) {
  EXPECT_EQ(deadline_.step(at(15000)), Step::kInterrupt);
  EXPECT_EQ(deadline_.due(), at(17s));
}

TEST_F(DeadlineTest, TimedOutIsWhatGotAsFarAsItsDeadline) {
  EXPECT_FALSE(deadline_.timed_out());
  deadline_.step(at(10000));
  EXPECT_TRUE(deadline_.timed_out());
}

TEST_F(DeadlineTest, TimeStandsStillWhileItWaits) {
  deadline_.pause(at(3000));
  EXPECT_EQ(deadline_.due(), std::nullopt);
  EXPECT_EQ(deadline_.step(at(100000)), std::nullopt);
  deadline_.resume(at(63000));
  EXPECT_EQ(deadline_.due(), at(70s));
}

TEST_F(DeadlineTest, ToPauseTwiceIsToPauseOnce) {
  deadline_.pause(at(3000));
  deadline_.pause(at(5000));
  deadline_.resume(at(6000));
  deadline_.resume(at(9000));
  EXPECT_EQ(deadline_.due(), at(13s));
}

TEST_F(DeadlineTest, OnceInterruptedItWaitsForNoInput) {
  deadline_.step(at(10000));
  deadline_.pause(at(10500));
  EXPECT_EQ(deadline_.due(), at(12s));
}

TEST_F(DeadlineTest, TheClientMayInsistWithoutATimeout) {
  Deadline deadline;
  deadline.begin(std::nullopt, 2s, at(0));
  deadline.insist(milliseconds(500), at(1000));
  EXPECT_EQ(deadline.step(at(1500)), Step::kInsist);
  EXPECT_EQ(deadline.step(at(2000)), Step::kStuck);
  EXPECT_FALSE(deadline.timed_out());
}

TEST_F(DeadlineTest, ToInsistEndsAPause) {
  deadline_.pause(at(3000));
  deadline_.insist(1s, at(4000));
  EXPECT_EQ(deadline_.due(), at(5s));
}

TEST_F(DeadlineTest, TheNextExecutionKnowsNothingOfIt) {
  deadline_.step(at(10000));
  deadline_.end();
  EXPECT_FALSE(deadline_.active());
  EXPECT_FALSE(deadline_.timed_out());
  deadline_.begin(5s, 1s, at(20000));
  EXPECT_EQ(deadline_.step(at(25000)), Step::kInterrupt);
}

}  // namespace
}  // namespace replwire::server
