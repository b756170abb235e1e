// Which snapshots there are, and what going back to one undoes.
#include "server/session/recovery/snapshots.h"

#include <gtest/gtest.h>

namespace replwire::server {
namespace {

using Ids = std::vector<std::string>;
using Number = Snapshots::Number;

class UndoneTest : public ::testing::Test {
 protected:
  // An execution, and the snapshot behind it.
  Number run(const std::string& id) {
    const Number number = snapshots_.begin_next(id, ++count_);
    snapshots_.step(id, count_);
    given_up_ = snapshots_.taken(number, most_);
    return number;
  }
  void run_without(const std::string& id) { snapshots_.step(id, ++count_); }

  Snapshots snapshots_;
  std::vector<Number> given_up_;
  std::size_t most_ = 3;
  std::int64_t count_ = 0;
};

TEST_F(UndoneTest, TheNewestOneUndoesNothing) {
  run("a");
  const Number newest = run("b");
  snapshots_.restore(newest);
  EXPECT_EQ(snapshots_.undone(), Ids());
  EXPECT_EQ(snapshots_.execution_id(), "b");
}

TEST_F(UndoneTest, AnOlderOneUndoesWhatCameBehindIt) {
  const Number first = run("a");
  run("b");
  run_without("c");
  snapshots_.restore(first);
  EXPECT_EQ(snapshots_.undone(), Ids({"b", "c"}));
  EXPECT_EQ(snapshots_.execution_id(), "a");
}

TEST_F(UndoneTest, WhatIsUndoneIsToldOnce) {
  const Number first = run("a");
  run("b");
  snapshots_.restore(first);
  run("c");
  snapshots_.restore(first);
  EXPECT_EQ(snapshots_.undone(), Ids({"c"}));
}

TEST_F(UndoneTest, AStartAnewUndoesEverything) {
  run("a");
  run("b");
  snapshots_.restore(std::nullopt);
  EXPECT_EQ(snapshots_.undone(), Ids({"a", "b"}));
  EXPECT_EQ(snapshots_.execution_id(), std::nullopt);
}

TEST_F(UndoneTest, FromOneWayToAnotherItIsWhatOnlyTheFirstHas) {
  const Number fork = run("a");
  run("b");
  const Number other = snapshots_.begin("kept", false);
  snapshots_.taken(other, most_);
  snapshots_.restore(fork);
  run("c");
  run("d");
  snapshots_.restore(other);
  EXPECT_EQ(snapshots_.undone(), Ids({"c", "d"}));
  EXPECT_EQ(snapshots_.execution_id(), "b");
}

TEST_F(UndoneTest, OfVeryManyTheNewestAreTold) {
  const Number first = run("first");
  for (int i = 0; i < 5000; ++i) run_without(std::to_string(i));
  snapshots_.restore(first);
  EXPECT_LE(snapshots_.undone().size(), 1000U);
  EXPECT_EQ(snapshots_.undone().back(), "4999");
}

TEST_F(UndoneTest, NoMoreAutomaticOnesAreKeptThanAsked) {
  most_ = 1;
  const Number first = run("a");
  const Number second = run("b");
  EXPECT_EQ(given_up_, std::vector<Number>({first}));
  EXPECT_EQ(snapshots_.newest(), second);
  EXPECT_EQ(snapshots_.depth(), 0);
}

TEST_F(UndoneTest, OneThatDiesIsNoneAnyMore) {
  const Number first = run("a");
  const Number second = run("b");
  snapshots_.lost(second);
  EXPECT_EQ(snapshots_.newest(), first);
  EXPECT_FALSE(snapshots_.is_fresh());
}

}  // namespace
}  // namespace replwire::server
