#include "server/session/desks/inquiry_desk.h"

#include <gtest/gtest.h>

#include <system_error>

#include "session/sent_frames.h"

namespace replwire::server {
namespace {

using replwire_tests::Json;
using replwire_tests::SentFrames;

class InquiryDeskTest : public ::testing::Test {
 protected:
  ReplyOnce reply(std::string_view type, std::string id) {
    return {sent_, type, std::move(id), ++line_};
  }
  void complete(std::string id, std::string code = "pri") {
    protocol::Complete request = {{}, std::move(code), 3};
    desk_.ask(request, reply("complete", std::move(id)));
  }
  std::string answer(std::uint64_t number, std::string fault = {}) {
    runtime::InquiryReply told = {number, runtime::Completions{}, std::move(fault)};
    return desk_.answer(told);
  }

  SentFrames sent_;
  std::int64_t line_ = 0;
  bool broken_ = false;
  bool room_ = true;
  std::vector<runtime::Inquiry> asked_;
  InquiryDesk desk_{[this](runtime::Inquiry inquiry) {
                      if (broken_)
                        throw std::system_error(std::make_error_code(std::errc::not_enough_memory));
                      asked_.push_back(std::move(inquiry));
                    },
                    [this] { return room_; }};
};

TEST_F(InquiryDeskTest, PutsACompletion) {
  complete("a");
  ASSERT_EQ(asked_.size(), 1U);
  const auto& subject = std::get<runtime::Complete>(asked_[0].subject);
  EXPECT_EQ(subject.code, "pri");
  EXPECT_EQ(subject.cursor, 3);
  EXPECT_FALSE(desk_.empty());
  answer(asked_[0].number);
  EXPECT_EQ(sent_.only()["id"], "a");
  EXPECT_TRUE(desk_.empty());
}

TEST_F(InquiryDeskTest, SourceIsOfTheSecondLevelOfDetail) {
  for (const auto& [level, source] : std::vector<std::pair<std::optional<std::int64_t>, bool>>{
           {std::nullopt, false}, {0, false}, {1, true}}) {
    protocol::Inspect request = {{}, "x", std::nullopt, level};
    desk_.ask(request, reply("inspect", "i"));
    EXPECT_EQ(std::get<runtime::Inspect>(asked_.back().subject).source, source);
  }
  sent_.end();
  desk_.clear();
}

TEST_F(InquiryDeskTest, VariablesHaveTheirDefaults) {
  protocol::Variables request = {};
  desk_.ask(request, reply("variables", "v"));
  const auto& subject = std::get<runtime::Variables>(asked_[0].subject);
  EXPECT_EQ(subject.prefix, "");
  EXPECT_EQ(subject.offset, 0);
  EXPECT_EQ(subject.limit, std::nullopt);
  desk_.clear();
}

TEST_F(InquiryDeskTest, ADebuggerListensHereUnlessToldWhere) {
  protocol::Debug request = {};
  desk_.ask(request, reply("debug", "d"));
  const auto& subject = std::get<runtime::Debug>(asked_[0].subject);
  EXPECT_EQ(subject.host, "127.0.0.1");
  EXPECT_EQ(subject.port, 0);
  runtime::InquiryReply told = {asked_[0].number, runtime::Listening{"::1", 7, "1.8", ""}, {}};
  desk_.answer(told);
  const Json frame = sent_.only();
  EXPECT_EQ(frame["type"], "debug_reply");
  EXPECT_EQ(frame["port"], 7);
}

TEST_F(InquiryDeskTest, WhereNoDebuggerListensTheReasonIsTold) {
  protocol::Debug request = {};
  desk_.ask(request, reply("debug", "d"));
  runtime::InquiryReply told = {asked_[0].number, runtime::Listening{"", 0, "", "none"}, {}};
  desk_.answer(told);
  const Json frame = sent_.only();
  EXPECT_EQ(frame["code"], "unavailable");
  EXPECT_NE(frame["message"].get<std::string>().find("none"), std::string::npos);
}

TEST_F(InquiryDeskTest, AnswersComeInAnyOrder) {
  complete("a");
  complete("b");
  answer(asked_[1].number);
  EXPECT_EQ(sent_.only()["id"], "b");
  answer(asked_[0].number);
  EXPECT_EQ(sent_.only()["id"], "a");
}

TEST_F(InquiryDeskTest, EachAnswerIsTheReplyOfItsKind) {
  protocol::IsComplete request = {{}, "if x:"};
  desk_.ask(request, reply("is_complete", "c"));
  runtime::InquiryReply told = {asked_[0].number, runtime::Completeness{"incomplete", "    "}, {}};
  desk_.answer(told);
  EXPECT_EQ(sent_.only()["type"], "is_complete_reply");
}

TEST_F(InquiryDeskTest, ASecondAnswerIsNone) {
  complete("a");
  answer(asked_[0].number);
  sent_.take();
  answer(asked_[0].number);
  EXPECT_TRUE(sent_.take().empty());
}

TEST_F(InquiryDeskTest, AFewAreAskedAtATime) {
  for (int n = 0; n < 10; ++n) complete(std::to_string(n));
  const std::size_t few = asked_.size();
  EXPECT_LT(few, 10U);
  answer(asked_[1].number);
  desk_.go_on();
  ASSERT_EQ(asked_.size(), few + 1);
  EXPECT_EQ(asked_.back().number, few + 1);
  for (std::size_t n = 0; n < asked_.size(); ++n) {
    answer(asked_[n].number);
    desk_.go_on();
  }
  EXPECT_EQ(asked_.size(), 10U);
  EXPECT_TRUE(desk_.empty());
}

TEST_F(InquiryDeskTest, NoneIsAskedWhileRepliesWaitForTheClient) {
  room_ = false;
  complete("a");
  complete("b");
  desk_.go_on();
  EXPECT_TRUE(asked_.empty());
  EXPECT_FALSE(desk_.empty());
  room_ = true;
  desk_.go_on();
  ASSERT_EQ(asked_.size(), 2U);
  answer(asked_[0].number);
  EXPECT_EQ(sent_.only()["id"], "a");
  answer(asked_[1].number);
}

TEST_F(InquiryDeskTest, WhatCannotBeAskedLaterIsRefusedThen) {
  room_ = false;
  complete("a");
  complete("b");
  room_ = broken_ = true;
  desk_.go_on();
  const std::vector<Json> frames = sent_.take();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0]["id"], "a");
  EXPECT_EQ(frames[1]["code"], "internal");
  EXPECT_EQ(desk_.bytes(), 0U);
}

TEST_F(InquiryDeskTest, AFaultIsForTheLog) {
  complete("a");
  EXPECT_EQ(answer(asked_[0].number, "RecursionError"), "complete: RecursionError");
  EXPECT_EQ(sent_.only()["type"], "complete_reply");
  complete("b");
  EXPECT_EQ(answer(asked_[1].number), "");
}

TEST_F(InquiryDeskTest, CountsWhatTheyHold) {
  complete("a", std::string(1000, 'x'));
  const std::size_t first = desk_.bytes();
  EXPECT_GE(first, 1000U);
  complete("b", std::string(500, 'x'));
  EXPECT_EQ(desk_.bytes(), 2 * first - 500);
  answer(asked_[0].number);
  answer(asked_[1].number);
  EXPECT_EQ(desk_.bytes(), 0U);
}

TEST_F(InquiryDeskTest, WhatCannotBeAskedIsRefusedAndHoldsNothing) {
  broken_ = true;
  EXPECT_THROW(complete("a"), std::system_error);
  EXPECT_EQ(sent_.only()["code"], "internal");
  EXPECT_TRUE(desk_.empty());
  EXPECT_EQ(desk_.bytes(), 0U);
  broken_ = false;
  complete("b");
  answer(asked_[0].number);
  EXPECT_EQ(sent_.only()["id"], "b");
}

TEST_F(InquiryDeskTest, AtTheEndEachHearsOfIt) {
  complete("a");
  complete("b");
  sent_.end();
  desk_.clear();
  const std::vector<Json> frames = sent_.take();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0]["code"], "shutting_down");
  EXPECT_EQ(frames[0]["line"], 1);
  EXPECT_EQ(frames[1]["line"], 2);
}

}  // namespace
}  // namespace replwire::server
