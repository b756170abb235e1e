#include "server/session/reply_once.h"

#include <gtest/gtest.h>

#include <new>
#include <optional>
#include <stdexcept>
#include <type_traits>

#include "session/sent_frames.h"

namespace replwire::server {
namespace {

using protocol::ErrorCode;
using replwire_tests::Json;
using replwire_tests::SentFrames;

class ReplyOnceTest : public ::testing::Test {
 protected:
  ReplyOnce reply(std::string_view type = "reset", std::int64_t line = 7) {
    return {sent_, type, "a", line};
  }

  SentFrames sent_;
};

TEST_F(ReplyOnceTest, AnswersUnderTheRequestsId) {
  reply().answer(protocol::ResetReply{{}, {"t"}, {}});
  EXPECT_EQ(
      sent_.only(),
      (Json{{"type", "reset_reply"}, {"id", "a"}, {"threads", {"t"}}, {"tasks", Json::array()}}));
}

TEST_F(ReplyOnceTest, AnExecutionsFramesNameItsId) {
  reply("execute").answer(protocol::Result{});
  EXPECT_EQ(sent_.only()["execution_id"], "a");
}

TEST_F(ReplyOnceTest, AFrameWithBothIsNamedByItsId) {
  reply("interrupt").answer(protocol::InterruptReply{{}, protocol::Id("b"), {}});
  const Json frame = sent_.only();
  EXPECT_EQ(frame["id"], "a");
  EXPECT_EQ(frame["execution_id"], "b");
}

TEST_F(ReplyOnceTest, AnOptionalIdMayBeAbsent) {
  ReplyOnce(sent_, "shutdown", std::nullopt, 1).answer(protocol::ShutdownReply{});
  EXPECT_EQ(sent_.only(), (Json{{"type", "shutdown_reply"}}));
}

TEST_F(ReplyOnceTest, ANumberStaysANumber) {
  ReplyOnce(sent_, "reset", std::int64_t{5}, 1).answer(protocol::ResetReply{});
  EXPECT_EQ(sent_.only()["id"], 5);
}

TEST_F(ReplyOnceTest, ARefusalTellsTypeIdAndLine) {
  reply().refuse(ErrorCode::kInvalidField, "no");
  EXPECT_EQ(sent_.only(), (Json{{"type", "protocol_error"},
                                {"code", "invalid_field"},
                                {"message", "reset: no"},
                                {"id", "a"},
                                {"line", 7}}));
}

TEST_F(ReplyOnceTest, DroppedItIsAFaultOfTheServers) {
  { const ReplyOnce dropped = reply(); }
  const Json frame = sent_.only();
  EXPECT_EQ(frame["code"], "internal");
  EXPECT_EQ(frame["id"], "a");
  EXPECT_EQ(frame["line"], 7);
}

TEST_F(ReplyOnceTest, DroppedAfterTheEndItWasTheEnd) {
  sent_.end();
  { const ReplyOnce dropped = reply(); }
  EXPECT_EQ(sent_.only()["code"], "shutting_down");
}

TEST_F(ReplyOnceTest, AnExceptionOnTheWayAnswers) {
  const auto serve = [](const ReplyOnce& /*reply*/) { throw std::bad_alloc(); };
  EXPECT_THROW(serve(reply()), std::bad_alloc);
  EXPECT_EQ(sent_.only()["code"], "internal");
}

TEST_F(ReplyOnceTest, AnsweredTwiceItAnswersOnce) {
  ReplyOnce twice = reply();
  twice.answer(protocol::ResetReply{});
  twice.answer(protocol::ResetReply{});
  twice.refuse(ErrorCode::kInvalidField, "no");
  EXPECT_EQ(sent_.only()["type"], "reset_reply");
}

TEST_F(ReplyOnceTest, ARequestWithoutReplyGetsNone) {
  reply("input_response").none();
  EXPECT_TRUE(sent_.take().empty());
}

TEST_F(ReplyOnceTest, WhatIsMovedFromOwesNothing) {
  ReplyOnce first = reply();
  ReplyOnce second = std::move(first);
  EXPECT_FALSE(first.owed());  // NOLINT(bugprone-use-after-move): says so
  EXPECT_TRUE(second.owed());
  second.answer(protocol::ResetReply{});
  EXPECT_EQ(sent_.take().size(), 1U);
}

TEST_F(ReplyOnceTest, AssignedOverItAnswersWhatItHeld) {
  ReplyOnce held = reply("reset", 1);
  held = reply("undo", 2);
  const Json frame = sent_.only();
  EXPECT_EQ(frame["message"], "reset: the server could not serve it");
  EXPECT_EQ(frame["line"], 1);
  held.none();
}

TEST_F(ReplyOnceTest, AssignedOverWhatIsAnsweredSaysNothing) {
  ReplyOnce held = reply();
  held.none();
  held = reply();
  EXPECT_TRUE(sent_.take().empty());
  held.none();
}

TEST_F(ReplyOnceTest, InAnOptionalItAnswersWhenThatIsCleared) {
  std::optional<ReplyOnce> in_turn = reply();
  in_turn.reset();
  EXPECT_EQ(sent_.take().size(), 1U);
}

TEST_F(ReplyOnceTest, AnIdMayComeLater) {
  ReplyOnce invented(sent_, "execute", std::nullopt, 1);
  EXPECT_FALSE(invented.id());
  invented.set_id("replwire-1");
  invented.answer(protocol::Error{});
  EXPECT_EQ(sent_.only()["execution_id"], "replwire-1");
}

TEST_F(ReplyOnceTest, AReplyThatCannotBeWrittenIsARefusal) {
  class Full final : public FrameSink {
   public:
    std::vector<Json> frames;

   private:
    void write_line(std::string_view line, FrameKind /*kind*/) override {
      if (!std::exchange(failed_, true)) throw std::bad_alloc();
      frames.push_back(Json::parse(line));
    }
    bool failed_ = false;
  } full;
  const auto answer = [&] {
    ReplyOnce(full, "reset", "long enough to be on the heap", 3).answer(protocol::ResetReply{});
  };
  EXPECT_THROW(answer(), std::bad_alloc);
  ASSERT_EQ(full.frames.size(), 1U);
  EXPECT_EQ(full.frames[0]["code"], "internal");
  EXPECT_EQ(full.frames[0]["id"], "long enough to be on the heap");
}

static_assert(!std::is_copy_constructible_v<ReplyOnce> && !std::is_copy_assignable_v<ReplyOnce>);
static_assert(std::is_nothrow_move_constructible_v<ReplyOnce>);
static_assert(std::is_nothrow_move_assignable_v<ReplyOnce>);

}  // namespace
}  // namespace replwire::server
