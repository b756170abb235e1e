#include "server/link/answers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <thread>

namespace replwire::server {
namespace {

using runtime::EndOfFile;
using runtime::Line;

std::string text_of(const std::optional<runtime::Answer>& answer) {
  if (!answer) return "no answer";
  const auto* line = std::get_if<Line>(&*answer);
  return line != nullptr ? line->text : "no line";
}

TEST(AnswersTest, AnAnswerGoesToItsOwnQuestion) {
  Answers answers;
  answers.expect(1);
  answers.expect(2);
  EXPECT_FALSE(answers.take(1));
  answers.give(2, Line{"two"});
  EXPECT_FALSE(answers.take(1));
  EXPECT_EQ(text_of(answers.take(2)), "two");
}

TEST(AnswersTest, WhatNobodyExpectsIsDropped) {
  Answers answers;
  EXPECT_TRUE(answers.give(1, Line{"late"}));
  answers.expect(2);
  answers.withdraw(2);
  EXPECT_TRUE(answers.give(2, Line{"late"}));
  EXPECT_TRUE(std::holds_alternative<EndOfFile>(answers.take(2).value()));
}

TEST(AnswersTest, ItIsToldWhetherTheWorkerMayBeWaiting) {
  Answers answers;
  answers.expect(1);
  EXPECT_FALSE(answers.give(1, Line{"one"}));
}

TEST(AnswersTest, ALoopTakesItsOwnAndIsWoken) {
  Answers answers;
  const int loop = Answers::open_waking();
  const int other = Answers::open_waking();
  answers.expect(1, loop);
  answers.expect(2, other);
  answers.expect(3, loop);
  answers.expect(4, loop);
  EXPECT_TRUE(answers.give(3, Line{"three"}));
  EXPECT_TRUE(answers.give(2, Line{"two"}));
  EXPECT_TRUE(answers.give(4, Line{"four"}));
  answers.withdraw(4);
  std::uint64_t count = 0;
  EXPECT_EQ(::read(loop, &count, sizeof count), 8);
  const auto taken = answers.take_all(loop);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].number, 3U);
  EXPECT_EQ(std::get<Line>(taken[0].answer).text, "three");
  EXPECT_TRUE(answers.take_all(loop).empty());
  EXPECT_EQ(answers.take_all(other).size(), 1U);
  ::close(loop);
  ::close(other);
}

TEST(AnswersTest, ThousandThreadsWaitWithoutADescriptor) {
  constexpr int kThreads = 1000;
  Answers answers;
  std::deque<std::thread> threads;
  std::array<std::string, kThreads> got;
  const int before = ::dup(0);
  for (int i = 0; i < kThreads; ++i) {
    answers.expect(static_cast<std::uint64_t>(i));
    threads.emplace_back(
        [&, i] { got.at(i) = text_of(answers.wait(static_cast<std::uint64_t>(i))); });
  }
  const int after = ::dup(0);
  EXPECT_EQ(after, before + 1);
  for (int i = kThreads - 1; i >= 0; --i) {
    answers.give(static_cast<std::uint64_t>(i), Line{std::to_string(i)});
  }
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < kThreads; ++i) EXPECT_EQ(got.at(i), std::to_string(i));
  ::close(before);
  ::close(after);
}

}  // namespace
}  // namespace replwire::server
