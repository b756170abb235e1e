#include "server/session/execution_queue.h"

#include <gtest/gtest.h>

#include "session/sent_frames.h"

namespace replwire::server {
namespace {

using protocol::ErrorReason;
using replwire_tests::Json;
using replwire_tests::SentFrames;

protocol::Execute code(std::string text) {
  protocol::Execute request;
  request.code = std::move(text);
  return request;
}

class ExecutionQueueTest : public ::testing::Test {
 protected:
  ~ExecutionQueueTest() override { queue_.clear(); }

  void add(std::optional<protocol::Id> id, ExecutionQueue::InHand in_hand = {},
           protocol::Execute request = code("1")) {
    add_to(queue_, std::move(id), in_hand, std::move(request));
  }
  void add_to(ExecutionQueue& queue, std::optional<protocol::Id> id,
              ExecutionQueue::InHand in_hand = {}, protocol::Execute request = code("1")) {
    queue.add(std::move(request), ReplyOnce(sent_, "execute", std::move(id), ++line_), in_hand);
  }
  void add_reset(protocol::Id id) {
    queue_.add(protocol::Reset{}, ReplyOnce(sent_, "reset", std::move(id), ++line_));
  }
  std::string next() {
    ExecutionQueue::Entry entry = queue_.pop();
    entry.reply.none();
    return entry.key;
  }

  SentFrames sent_;
  ExecutionQueue queue_{std::nullopt};
  std::int64_t line_ = 0;
};

TEST_F(ExecutionQueueTest, GivesThemOutInTheOrderInWhichTheyCame) {
  add("a");
  add("b");
  add("c");
  EXPECT_EQ(queue_.size(), 3U);
  EXPECT_EQ(next(), "\"a\"");
  EXPECT_EQ(next(), "\"b\"");
  EXPECT_EQ(next(), "\"c\"");
  EXPECT_TRUE(queue_.empty());
}

TEST_F(ExecutionQueueTest, AnIdThatWaitsIsInUse) {
  add("a");
  add("a");
  const Json error = sent_.only();
  EXPECT_EQ(error["code"], "duplicate_id");
  EXPECT_EQ(error["message"], "execute: /id: \"a\" is in use");
  EXPECT_EQ(error["line"], 2);
  EXPECT_EQ(queue_.size(), 1U);
}

TEST_F(ExecutionQueueTest, TheIdOfWhatRunsIsInUse) {
  add("a", {true, "\"a\""});
  EXPECT_EQ(sent_.only()["code"], "duplicate_id");
}

TEST_F(ExecutionQueueTest, AnIdIsFreeOnceItIsOutOfTheQueue) {
  add("a");
  next();
  add("a");
  EXPECT_TRUE(sent_.take().empty());
  EXPECT_EQ(queue_.size(), 1U);
}

TEST_F(ExecutionQueueTest, ANumberAndItsTextAreTwoIds) {
  add("1");
  add(std::int64_t{1});
  EXPECT_EQ(queue_.size(), 2U);
  EXPECT_TRUE(queue_.contains("1"));
  EXPECT_TRUE(queue_.contains("\"1\""));
}

TEST_F(ExecutionQueueTest, AnExecutionWithoutIdIsGivenOneThatIsFree) {
  add("replwire-1");
  add(std::nullopt, {true, "\"replwire-2\""});
  EXPECT_EQ(queue_.size(), 2U);
  next();
  const ExecutionQueue::Entry invented = queue_.pop();
  EXPECT_EQ(invented.key, "\"replwire-3\"");
  EXPECT_EQ(invented.reply.id(), protocol::Id("replwire-3"));
}

TEST_F(ExecutionQueueTest, NoInventedIdComesTwice) {
  add(std::nullopt);
  next();
  add(std::nullopt);
  EXPECT_EQ(next(), "\"replwire-2\"");
}

TEST_F(ExecutionQueueTest, WithALimitTheLastOneTooManyIsRefused) {
  ExecutionQueue queue(2);
  for (const char* id : {"a", "b", "c"}) add_to(queue, id, {true, "\"r\""});
  const Json error = sent_.only();
  EXPECT_EQ(error["code"], "queue_full");
  EXPECT_EQ(error["id"], "c");
  EXPECT_EQ(error["message"], "execute: 2 executions wait already");
  queue.clear();
}

TEST_F(ExecutionQueueTest, WithALimitOfNoneTheFirstAtRestRuns) {
  ExecutionQueue queue(0);
  add_to(queue, "a", {false, {}});
  EXPECT_TRUE(sent_.take().empty());
  add_to(queue, "b", {false, {}});
  EXPECT_EQ(sent_.only()["code"], "queue_full");
  queue.clear();
}

TEST_F(ExecutionQueueTest, RequestsThatTakeTheirTurnKnowNoLimit) {
  ExecutionQueue queue(0);
  queue.add(protocol::Reset{}, ReplyOnce(sent_, "reset", "r", 1));
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_TRUE(sent_.take().empty());
  queue.clear();
}

TEST_F(ExecutionQueueTest, CountsWhatTheyHold) {
  EXPECT_EQ(queue_.bytes(), 0U);
  protocol::Execute request = code(std::string(1000, 'x'));
  request.filename = std::string(100, 'f');
  request.inputs = std::vector<std::string>{std::string(10, 'i'), std::string(20, 'j')};
  add("a", {}, std::move(request));
  const std::size_t text = 1000 + 100 + 10 + 20;
  EXPECT_EQ(queue_.bytes(), sizeof(protocol::Execute) + 2 * sizeof(std::string) + text);
  add_reset("r");
  EXPECT_GT(queue_.bytes(), sizeof(protocol::Execute) + text);
  next();
  next();
  EXPECT_EQ(queue_.bytes(), 0U);
}

TEST_F(ExecutionQueueTest, WhatIsRefusedHoldsNothing) {
  add("a");
  const std::size_t bytes = queue_.bytes();
  add("a", {}, code(std::string(1000, 'x')));
  EXPECT_EQ(queue_.bytes(), bytes);
}

TEST_F(ExecutionQueueTest, ACancelledOneEndsAndTheOthersStay) {
  add("a");
  add("b");
  add("c");
  queue_.cancel("\"b\"");
  const Json error = sent_.only();
  EXPECT_EQ(error["type"], "error");
  EXPECT_EQ(error["execution_id"], "b");
  EXPECT_EQ(error["reason"], "cancelled");
  EXPECT_EQ(error["execution_count"], nullptr);
  EXPECT_FALSE(queue_.contains("\"b\""));
  EXPECT_EQ(next(), "\"a\"");
  EXPECT_EQ(next(), "\"c\"");
}

TEST_F(ExecutionQueueTest, ToCancelWhatDoesNotWaitDoesNothing) {
  add("a");
  queue_.cancel("\"b\"");
  queue_.cancel("");
  EXPECT_TRUE(sent_.take().empty());
  EXPECT_EQ(queue_.size(), 1U);
}

TEST_F(ExecutionQueueTest, ExecutionsEndAndOtherRequestsStay) {
  add("a");
  add_reset("r");
  add("b");
  queue_.end_executions(ErrorReason::kCancelled);
  const std::vector<Json> frames = sent_.take();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0]["execution_id"], "a");
  EXPECT_EQ(frames[1]["execution_id"], "b");
  EXPECT_EQ(queue_.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<protocol::Reset>(queue_.front()));
}

TEST_F(ExecutionQueueTest, AFailureEndsThoseThatWaitWhenItAskedForThat) {
  add("a");
  queue_.after_failure(false);
  EXPECT_EQ(queue_.size(), 1U);
  queue_.after_failure(true);
  EXPECT_EQ(sent_.only()["reason"], "aborted");
  add("b");
  EXPECT_EQ(queue_.size(), 1U) << "those that come later run";
}

TEST_F(ExecutionQueueTest, WithStopOnErrorSoDoThoseThatCome) {
  ExecutionQueue queue(std::nullopt, true);
  add_to(queue, "a");
  queue.after_failure(false);
  EXPECT_EQ(sent_.only()["reason"], "aborted");
  add_to(queue, "b");
  const Json error = sent_.only();
  EXPECT_EQ(error["execution_id"], "b");
  EXPECT_EQ(error["reason"], "aborted");
  EXPECT_TRUE(queue.empty());
}

TEST_F(ExecutionQueueTest, TheFirstMayFailWithAWord) {
  add("a");
  add("b");
  queue_.fail_front(ErrorReason::kAborted, "no snapshot");
  const Json error = sent_.only();
  EXPECT_EQ(error["execution_id"], "a");
  EXPECT_EQ(error["exception_message"], "no snapshot");
  EXPECT_EQ(next(), "\"b\"");
}

TEST_F(ExecutionQueueTest, AfterTheEndWhatWaitsHearsOfIt) {
  add_reset("r");
  add("a");
  sent_.end();
  queue_.clear();
  const std::vector<Json> frames = sent_.take();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0]["code"], "shutting_down");
  EXPECT_EQ(frames[0]["line"], 1);
  EXPECT_EQ(frames[1]["id"], "a");
  EXPECT_EQ(queue_.bytes(), 0U);
  EXPECT_FALSE(queue_.contains("\"a\""));
}

TEST_F(ExecutionQueueTest, AnErrorIsAFailureOfTheSession) {
  EXPECT_FALSE(sent_.failed());
  add("a");
  queue_.cancel("\"a\"");
  EXPECT_TRUE(sent_.failed());
}

}  // namespace
}  // namespace replwire::server
