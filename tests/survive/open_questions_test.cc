#include "server/survive/server/open_questions.h"

#include <gtest/gtest.h>

#include <optional>

namespace replwire::server::survive {
namespace {

runtime::NeedInput input(std::uint64_t number, bool worker) {
  runtime::NeedInput asked = {};
  asked.number = number;
  asked.worker = worker;
  return asked;
}

runtime::Inquiry inquiry(std::uint64_t number) { return {number, runtime::IsComplete{"1"}}; }

// By whom it was asked, if it was.
std::optional<bool> answer(OpenQuestions& questions, std::uint64_t number) {
  std::optional<bool> by_worker;
  questions.answer(number, [&](bool worker) { by_worker = worker; });
  return by_worker;
}

std::vector<std::uint64_t> open(const OpenQuestions& questions) {
  std::vector<std::uint64_t> numbers;
  questions.for_each_inquiry([&](const runtime::Inquiry& each) { numbers.push_back(each.number); });
  return numbers;
}

TEST(OpenQuestionsTest, AnAnswerGoesToWhoAskedAndOnce) {
  OpenQuestions questions;
  questions.note(input(1, true));
  questions.note(input(2, false));
  EXPECT_EQ(answer(questions, 1), true);
  EXPECT_EQ(answer(questions, 1), std::nullopt);
  EXPECT_EQ(answer(questions, 2), false);
}

TEST(OpenQuestionsTest, OneThatWasWithdrawnTakesNoAnswer) {
  OpenQuestions questions;
  questions.note(input(1, true));
  questions.note(runtime::InputWithdrawn{1});
  EXPECT_EQ(answer(questions, 1), std::nullopt);
}

TEST(OpenQuestionsTest, AnInquiryIsOpenUntilItIsAnswered) {
  OpenQuestions questions;
  questions.add(inquiry(1));
  questions.add(inquiry(2));
  runtime::InquiryReply told = {};
  told.number = 1;
  questions.note(told);
  EXPECT_EQ(open(questions), std::vector<std::uint64_t>{2});
}

TEST(OpenQuestionsTest, TheDeadOweTheirInquiriesAndNoInput) {
  OpenQuestions questions;
  questions.note(input(1, true));
  questions.add(inquiry(7));
  const auto owed = questions.clear();
  ASSERT_EQ(owed.size(), 1U);
  EXPECT_EQ(owed.begin()->second.number, 7U);
  EXPECT_TRUE(open(questions).empty());
  EXPECT_EQ(answer(questions, 1), std::nullopt);
}

}  // namespace
}  // namespace replwire::server::survive
