#include "server/session/recovery/snapshots.h"

#include <gtest/gtest.h>

namespace replwire::server {
namespace {

using Numbers = std::vector<Snapshots::Number>;

class SnapshotsTest : public ::testing::Test {
 protected:
  // One of the state as it is, with at most so many automatic ones kept.
  Numbers take(bool automatic = true, std::size_t most = 3) {
    return snapshots_.taken(snapshots_.begin(std::nullopt, automatic), most);
  }
  void run(const char* id) { snapshots_.step(id, ++count_); }
  Numbers all() const {
    Numbers numbers;
    for (const auto& [number, snapshot] : snapshots_.all()) numbers.push_back(number);
    return numbers;
  }

  Snapshots snapshots_;
  std::int64_t count_ = 0;
};

TEST_F(SnapshotsTest, AtFirstThereIsNone) {
  EXPECT_FALSE(snapshots_.is_fresh());
  EXPECT_EQ(snapshots_.newest(), std::nullopt);
  EXPECT_EQ(snapshots_.back(0), std::nullopt);
  EXPECT_EQ(snapshots_.depth(), 0);
}

TEST_F(SnapshotsTest, OneCountsOnceItHasBeenTaken) {
  const auto number = snapshots_.begin("mine", false);
  EXPECT_TRUE(snapshots_.is_being_made());
  EXPECT_FALSE(snapshots_.has(number));
  EXPECT_TRUE(snapshots_.taken(number, 3).empty());
  EXPECT_TRUE(snapshots_.has(number));
  EXPECT_TRUE(snapshots_.is_fresh());
  EXPECT_FALSE(snapshots_.is_being_made());
  EXPECT_EQ(snapshots_.all().at(number).name, "mine");
}

TEST_F(SnapshotsTest, AnExecutionMakesItStale) {
  take();
  run("\"a\"");
  EXPECT_FALSE(snapshots_.is_fresh());
  EXPECT_EQ(snapshots_.newest(), 1U);
}

TEST_F(SnapshotsTest, OneBehindWhatRunsShowsWhatThatWillLeave) {
  const auto number = snapshots_.begin_next("\"a\"", 1);
  EXPECT_FALSE(snapshots_.is_being_made()) << "not of the state as it is";
  run("\"a\"");
  EXPECT_TRUE(snapshots_.is_being_made());
  snapshots_.taken(number, 3);
  EXPECT_TRUE(snapshots_.is_fresh());
  EXPECT_EQ(snapshots_.all().at(number).execution_id, "\"a\"");
  EXPECT_EQ(snapshots_.all().at(number).execution_count, 1);
}

TEST_F(SnapshotsTest, TheOldestAutomaticOneGoes) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(take().empty());
    run("\"x\"");
  }
  EXPECT_EQ(take(), Numbers{1});
  EXPECT_EQ(all(), (Numbers{2, 3, 4}));
}

TEST_F(SnapshotsTest, TheClientsOwnStay) {
  take(false);
  for (int i = 0; i < 4; ++i) {
    run("\"x\"");
    take(true, 1);
  }
  EXPECT_EQ(all(), (Numbers{1, 5}));
}

TEST_F(SnapshotsTest, OneThatNobodyExpectsIsGivenUp) {
  EXPECT_EQ(snapshots_.taken(9, 3), Numbers{9});
  EXPECT_TRUE(all().empty());
}

TEST_F(SnapshotsTest, OneThatFailedIsNoneAndNotBeingMade) {
  const auto number = snapshots_.begin(std::nullopt, true);
  snapshots_.failed(number);
  EXPECT_FALSE(snapshots_.is_being_made());
  EXPECT_EQ(snapshots_.taken(number, 3), Numbers{number});
}

TEST_F(SnapshotsTest, BackCountsExecutions) {
  take();  // 1
  run("\"a\"");
  take();  // 2
  run("\"b\"");
  EXPECT_EQ(snapshots_.back(0), std::nullopt);
  EXPECT_EQ(snapshots_.back(1), 2U);
  EXPECT_EQ(snapshots_.back(2), 1U);
  EXPECT_EQ(snapshots_.back(3), std::nullopt);
  EXPECT_EQ(snapshots_.depth(), 2);
}

TEST_F(SnapshotsTest, BackSkipsExecutionsThatNoneWasTakenBehind) {
  take();
  run("\"a\"");
  run("\"b\"");
  EXPECT_EQ(snapshots_.back(1), std::nullopt);
  EXPECT_EQ(snapshots_.back(2), 1U);
}

TEST_F(SnapshotsTest, RestoredItIsTheStateAndTheFutureIsGone) {
  take();  // 1
  run("\"a\"");
  take();  // 2
  run("\"b\"");
  take();  // 3
  EXPECT_EQ(snapshots_.restore(1), (Numbers{2, 3}));
  EXPECT_TRUE(snapshots_.is_fresh());
  EXPECT_EQ(all(), Numbers{1});
  EXPECT_EQ(snapshots_.depth(), 0);
}

TEST_F(SnapshotsTest, TheClientsOwnOutliveAFutureThatHasNotHappened) {
  take();  // 1
  run("\"a\"");
  take(false);  // 2
  EXPECT_TRUE(snapshots_.restore(1).empty());
  EXPECT_EQ(all(), (Numbers{1, 2}));
  EXPECT_EQ(snapshots_.newest(), 1U);
  EXPECT_EQ(snapshots_.restore(2), Numbers{1}) << "which did not lead to that one";
  EXPECT_EQ(snapshots_.newest(), 2U);
}

TEST_F(SnapshotsTest, StartedAnewItHasNoPast) {
  take();
  run("\"a\"");
  EXPECT_EQ(snapshots_.restore(std::nullopt), Numbers{1});
  EXPECT_FALSE(snapshots_.is_fresh());
  EXPECT_EQ(snapshots_.newest(), std::nullopt);
  take();
  EXPECT_EQ(snapshots_.all().begin()->second.execution_id, std::nullopt);
}

TEST_F(SnapshotsTest, NobodyHearsOfThoseThatWereBegunBefore) {
  const auto number = snapshots_.begin(std::nullopt, true);
  snapshots_.forget_begun();
  EXPECT_FALSE(snapshots_.is_being_made());
  EXPECT_EQ(snapshots_.taken(number, 3), Numbers{number});
}

TEST_F(SnapshotsTest, ADeadOneCannotBeRestored) {
  take();
  run("\"a\"");
  take();
  snapshots_.lost(2);
  EXPECT_EQ(snapshots_.newest(), 1U);
  EXPECT_FALSE(snapshots_.has(2));
}

TEST_F(SnapshotsTest, ItsIdOnTheWire) { EXPECT_EQ(checkpoint_id(12), "checkpoint-12"); }

}  // namespace
}  // namespace replwire::server
