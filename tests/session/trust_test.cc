#include "server/session/recovery/trust.h"

#include <gtest/gtest.h>

#include <csignal>

#include "session/executions.h"

namespace replwire::server {
namespace {

using namespace replwire_tests;  // NOLINT(google-build-using-namespace)

Death death_by(int signal) { return {7, signal, "", false, true}; }

TEST(TrustTest, TwoDeathsAtOnceAreEnough) {
  Trust trust;
  trust.wakes(1, at(0));
  EXPECT_TRUE(trust.died_at_rest(death_by(SIGSEGV), 1, at(100)));
  trust.wakes(1, at(100));
  EXPECT_FALSE(trust.died_at_rest(death_by(SIGSEGV), 1, at(200)));
}

TEST(TrustTest, DeathsThatLieApartAreNot) {
  Trust trust;
  for (const int time : {0, 2000, 4000, 6000}) {
    trust.wakes(1, at(time));
    EXPECT_TRUE(trust.died_at_rest(death_by(SIGSEGV), 1, at(time + 100))) << time;
  }
}

TEST(TrustTest, AnotherSnapshotHasTwoOfItsOwn) {
  Trust trust;
  trust.wakes(1, at(0));
  EXPECT_TRUE(trust.died_at_rest(death_by(SIGSEGV), 1, at(100)));
  trust.wakes(2, at(100));
  EXPECT_TRUE(trust.died_at_rest(death_by(SIGSEGV), 1, at(200)));
}

TEST(TrustTest, SomebodyWhoKillsHasTenTries) {
  Trust trust;
  for (int i = 1; i < 10; ++i) {
    trust.wakes(1, at(0));
    EXPECT_TRUE(trust.died_at_rest(death_by(SIGKILL), 1, at(0))) << i;
  }
  trust.wakes(1, at(0));
  EXPECT_FALSE(trust.died_at_rest(death_by(SIGKILL), 1, at(0)));
}

TEST(TrustTest, OneThatDidNotWakeIsNotTriedAgain) {
  Trust trust;
  trust.wakes(1, at(0));
  trust.did_not_wake(at(500));
  EXPECT_FALSE(trust.died_at_rest(death_by(SIGKILL), 1, at(600)));
}

TEST(TrustTest, PythonIsStartedAnewThreeTimes) {
  Trust trust;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(trust.wakes(std::nullopt, at(0))) << i;
  EXPECT_FALSE(trust.wakes(std::nullopt, at(0)));
}

TEST(TrustTest, AnExecutionOrALongLifeCountsAfresh) {
  Trust trust;
  for (int i = 0; i < 3; ++i) trust.wakes(std::nullopt, at(0));
  trust.executed();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(trust.wakes(std::nullopt, at(1000))) << i;
  trust.died(death_by(SIGSEGV), at(3000));
  EXPECT_TRUE(trust.wakes(std::nullopt, at(3000)));
}

}  // namespace
}  // namespace replwire::server
