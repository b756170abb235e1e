#include "server/session/stop/stopper.h"

#include <gtest/gtest.h>

#include "session/executions.h"

namespace replwire::server {
namespace {

using namespace replwire_tests;  // NOLINT(google-build-using-namespace)
using Did = std::vector<std::string>;

class StopperTest : public ::testing::Test, private StopSignals {
 protected:
  ~StopperTest() override { execution_.end(runtime::Completed{}, {}); }

  Did did() { return std::exchange(did_, {}); }
  // What it does at the time that it names itself.
  Time next() { return *stopper_.due(); }
  bool act(Time now) { return stopper_.act(&execution_, now); }
  // Lets all nudges of an interrupt at that time pass.
  void let_nudges_pass(Time time) {
    while (stopper_.due() && *stopper_.due() < time) act(*stopper_.due());
    did();
  }

  std::uint64_t at_rest_ = 0;
  SentFrames sent_;
  RunningExecution execution_ = running(sent_, 5);
  Stopper stopper_{*this};

  const Did kInterrupt = {"interrupt 5 and descendants"};

 private:
  void interrupt(std::uint64_t serial) override {
    did_.push_back("interrupt " + std::to_string(serial));
  }
  void interrupt_all(std::uint64_t serial, Time start) override {
    EXPECT_EQ(start, at(0));
    did_.push_back("interrupt " + std::to_string(serial) + " and descendants");
  }
  void terminate_descendants(Time start) override {
    EXPECT_EQ(start, at(0));
    did_.emplace_back("terminate descendants");
  }
  void nudge() override { did_.emplace_back("nudge"); }
  std::uint64_t busy_at_rest() const override { return at_rest_; }
  bool is_at_rest(std::uint64_t serial) const override { return serial == at_rest_; }

  Did did_;
};

TEST_F(StopperTest, AtRestNothingIsDue) {
  EXPECT_EQ(stopper_.due(), std::nullopt);
  EXPECT_FALSE(act(at(1000)));
  EXPECT_TRUE(did().empty());
}

TEST_F(StopperTest, AnInterruptMeetsTheDescendantsAsWell) {
  stopper_.interrupt(execution_, at(0));
  EXPECT_EQ(did(), kInterrupt);
}

TEST_F(StopperTest, ATerminalHasToldTheDescendantsItself) {
  stopper_.interrupt(execution_, at(0), true);
  EXPECT_EQ(did(), Did{"interrupt 5"});
}

TEST_F(StopperTest, NudgesComeAtGrowingDistancesAndEnd) {
  stopper_.interrupt(execution_, at(0));
  did();
  std::vector<milliseconds> distances;
  Time last = at(0);
  while (stopper_.due()) {
    distances.push_back(std::chrono::duration_cast<milliseconds>(next() - last));
    last = next();
    act(last);
    EXPECT_EQ(did(), Did{"nudge"});
  }
  std::vector<milliseconds> expected;
  for (int time = 4; time <= 512; time *= 2) expected.emplace_back(time);
  EXPECT_EQ(distances, expected);
}

TEST_F(StopperTest, BeforeItsTimeThereIsNoNudge) {
  stopper_.interrupt(execution_, at(0));
  did();
  act(at(3));
  EXPECT_TRUE(did().empty());
}

TEST_F(StopperTest, WhatHasEndedIsNotNudged) {
  stopper_.interrupt(execution_, at(0));
  did();
  stopper_.end();
  EXPECT_FALSE(stopper_.act(nullptr, at(4)));
  EXPECT_TRUE(did().empty());
  EXPECT_EQ(stopper_.due(), std::nullopt);
}

TEST_F(StopperTest, TheNextExecutionIsNotNudged) {
  stopper_.interrupt(execution_, at(0));
  did();
  RunningExecution next = running(sent_, 6);
  stopper_.act(&next, at(4));
  EXPECT_TRUE(did().empty());
  next.end(runtime::Completed{}, {});
}

TEST_F(StopperTest, ATaskAtRestIsInterruptedAndNudged) {
  at_rest_ = 9;
  EXPECT_EQ(stopper_.task_at_rest(), 9U);
  stopper_.interrupt_task(9, at(0));
  stopper_.act(nullptr, at(4));
  EXPECT_EQ(did(), (Did{"interrupt 9", "nudge"}));
  at_rest_ = 0;
  stopper_.act(nullptr, at(100));
  EXPECT_TRUE(did().empty());
}

TEST_F(StopperTest, ASignalFromOutsideIsForTheOneThatItMet) {
  stopper_.interrupt(5, &execution_, false, at(0));
  EXPECT_EQ(did(), kInterrupt);
  stopper_.interrupt(4, &execution_, false, at(0));
  EXPECT_TRUE(did().empty()) << "that has ended";
  at_rest_ = 4;
  stopper_.interrupt(4, nullptr, false, at(0));
  EXPECT_EQ(did(), Did{"interrupt 4"});
}

TEST_F(StopperTest, AnInterruptIsCounted) {
  stopper_.interrupt(execution_, at(0));
  stopper_.interrupt(execution_, at(1));
  execution_.end(runtime::Completed{}, {});
  EXPECT_EQ(sent_.only()["interrupts"], 2);
}

TEST_F(StopperTest, AtItsDeadlineItIsInterrupted) {
  stopper_.begin(10s, 2s, at(0));
  EXPECT_EQ(next(), at(10000));
  EXPECT_FALSE(act(at(10000)));
  EXPECT_EQ(did(), kInterrupt);
  EXPECT_TRUE(stopper_.timed_out());
}

TEST_F(StopperTest, AGraceLaterItIsToldMoreFirmly) {
  stopper_.begin(10s, 2s, at(0));
  act(at(10000));
  let_nudges_pass(at(12000));
  EXPECT_EQ(next(), at(12000));
  EXPECT_FALSE(act(at(12000)));
  EXPECT_EQ(did(), (Did{"interrupt 5", "terminate descendants"}));
}

TEST_F(StopperTest, AnotherGraceLaterItCannotBeStopped) {
  stopper_.begin(10s, 2s, at(0));
  act(at(10000));
  act(at(12000));
  let_nudges_pass(at(14000));
  EXPECT_TRUE(act(at(14000)));
  EXPECT_TRUE(did().empty());
  EXPECT_FALSE(act(at(20000))) << "once";
}

TEST_F(StopperTest, WhileItWaitsForTheClientNoDeadlineIsDue) {
  stopper_.begin(10s, 2s, at(0));
  stopper_.pause(true, at(4000));
  EXPECT_EQ(stopper_.due(), std::nullopt);
  stopper_.pause(false, at(9000));
  EXPECT_EQ(next(), at(15000));
}

TEST_F(StopperTest, TheEarlierOfNudgeAndStepIsDue) {
  stopper_.begin(milliseconds(10), 2s, at(0));
  stopper_.interrupt(execution_, at(0));
  EXPECT_EQ(next(), at(4));
  act(at(4));
  EXPECT_EQ(next(), at(10));
}

TEST_F(StopperTest, BothMayBeDueAtOnce) {
  stopper_.begin(milliseconds(4), 2s, at(0));
  stopper_.interrupt(execution_, at(0));
  did();
  act(at(4));
  Did expected = {"nudge"};
  expected.insert(expected.end(), kInterrupt.begin(), kInterrupt.end());
  EXPECT_EQ(did(), expected);
}

TEST_F(StopperTest, TheClientMayInsist) {
  stopper_.begin(std::nullopt, 2s, at(0));
  EXPECT_FALSE(stopper_.has_deadline());
  stopper_.interrupt(execution_, at(0));
  stopper_.insist(1s, at(0));
  EXPECT_TRUE(stopper_.has_deadline());
  let_nudges_pass(at(1000));
  EXPECT_FALSE(act(at(1000)));
  EXPECT_EQ(did(), (Did{"interrupt 5", "terminate descendants"}));
  let_nudges_pass(at(2000));
  EXPECT_TRUE(act(at(2000)));
  EXPECT_FALSE(stopper_.timed_out());
}

TEST_F(StopperTest, OnceItIsOverNothingIsDue) {
  stopper_.begin(10s, 2s, at(0));
  stopper_.end();
  EXPECT_EQ(stopper_.due(), std::nullopt);
  EXPECT_FALSE(stopper_.act(nullptr, at(10000)));
}

}  // namespace
}  // namespace replwire::server
