#include "server/session/replies.h"

#include <gtest/gtest.h>

#include "protocol/encoder.h"
#include "session/executions.h"

namespace replwire::server {
namespace {

using replwire_tests::Json;

template <class Frame>
Json json(Frame frame) {
  return Json::parse(protocol::encode(frame));
}

runtime::Report report() {
  runtime::Report report;
  report.type = "ValueError";
  report.message = "no";
  report.traceback = "Traceback";
  report.frames = R"([{"line":1}])";
  report.notes = R"(["note"])";
  report.causes = "[]";
  return report;
}

replies::Ended ended() {
  replies::Ended how;
  how.seconds = 0.25;
  how.count = 3;
  return how;
}

TEST(RepliesTest, AResultHoldsWhatCompletedHolds) {
  const Json frame = json(replies::final_frame(
      runtime::Completed{"'a'", 100, R"({"v":1})", R"({"text/html":"<b>"})"}, ended()));
  EXPECT_EQ(frame["type"], "result");
  EXPECT_EQ(frame["repr"], "'a'");
  EXPECT_EQ(frame["repr_truncated"], 100);
  EXPECT_EQ(frame["value"], Json({{"v", 1}}));
  EXPECT_EQ(frame["display"]["text/html"], "<b>");
  EXPECT_EQ(frame["execution_count"], 3);
  EXPECT_EQ(frame["execution_time"], 0.25);
}

TEST(RepliesTest, AnEmptyResultHasNoMoreThanItMust) {
  const Json frame = json(replies::final_frame(runtime::Completed{}, replies::Ended{}));
  EXPECT_EQ(frame, (Json{{"type", "result"},
                         {"execution_id", 0},
                         {"execution_count", nullptr},
                         {"repr", nullptr},
                         {"execution_time", 0.0}}));
}

struct Reason {
  runtime::Outcome outcome;
  bool timed_out;
  const char* reason;
};
class ReasonTest : public ::testing::TestWithParam<Reason> {};

TEST_P(ReasonTest, IsTheOutcomes) {
  replies::Ended how = ended();
  how.timed_out = GetParam().timed_out;
  const Json frame =
      std::visit([&](const auto& outcome) { return json(replies::final_frame(outcome, how)); },
                 GetParam().outcome);
  EXPECT_EQ(frame["type"], "error");
  EXPECT_EQ(frame["reason"], GetParam().reason);
  EXPECT_EQ(frame["exception_type"], "ValueError");
  EXPECT_EQ(frame["exception_message"], "no");
  EXPECT_EQ(frame["traceback"], "Traceback");
  EXPECT_EQ(frame["frames"], Json::parse(R"([{"line":1}])"));
  EXPECT_EQ(frame["notes"], Json({"note"}));
  EXPECT_EQ(frame["causes"], Json::array());
}

INSTANTIATE_TEST_SUITE_P(Outcomes, ReasonTest,
                         ::testing::Values(Reason{runtime::Raised{report()}, false, "exception"},
                                           Reason{runtime::Raised{report()}, true, "exception"},
                                           Reason{runtime::Interrupted{report()}, false,
                                                  "interrupt"},
                                           Reason{runtime::Interrupted{report()}, true, "timeout"},
                                           Reason{runtime::OutOfMemory{report()}, false, "memory"},
                                           Reason{runtime::Exited{report(), "1"}, false, "exit"}));

TEST(RepliesTest, AnExitHasItsCode) {
  EXPECT_EQ(json(replies::final_frame(runtime::Exited{{}, "\"bye\""}, ended()))["exit_code"],
            "bye");
  EXPECT_EQ(json(replies::final_frame(runtime::Exited{{}, "null"}, ended()))["exit_code"], nullptr);
}

TEST(RepliesTest, WhatWasUndoneIsToldOfBoth) {
  replies::Ended how = ended();
  EXPECT_FALSE(json(replies::final_frame(runtime::Completed{}, how)).contains("restored"));
  how.restored = true;
  EXPECT_EQ(json(replies::final_frame(runtime::Completed{}, how))["restored"], true);
  EXPECT_EQ(json(replies::final_frame(runtime::Raised{}, how))["restored"], true);
}

TEST(RepliesTest, ACrashTellsHowItsInterpreterEnded) {
  replies::Ended how = ended();
  how.signal = "SIGSEGV";
  how.exit_status = 3;
  const Json frame = json(replies::error(protocol::ErrorReason::kCrash, {}, how));
  EXPECT_EQ(frame["reason"], "crash");
  EXPECT_EQ(frame["signal"], "SIGSEGV");
  EXPECT_EQ(frame["exit_status"], 3);
}

TEST(RepliesTest, WhatNeverRanHasNoCount) {
  const Json frame = json(replies::never_ran(protocol::ErrorReason::kAborted, "why"));
  EXPECT_EQ(frame["execution_count"], nullptr);
  EXPECT_EQ(frame["reason"], "aborted");
  EXPECT_EQ(frame["exception_message"], "why");
  EXPECT_EQ(frame["execution_time"], 0.0);
}

TEST(RepliesTest, Completions) {
  runtime::Completions told = {R"(["a","b"])", 2, 4, R"({"m":1})", false};
  const Json frame = json(replies::reply(told));
  EXPECT_EQ(frame["type"], "complete_reply");
  EXPECT_EQ(frame["status"], "ok");
  EXPECT_EQ(frame["matches"], Json({"a", "b"}));
  EXPECT_EQ(frame["cursor_start"], 2);
  EXPECT_EQ(frame["cursor_end"], 4);
  EXPECT_EQ(frame["metadata"]["m"], 1);
  EXPECT_FALSE(frame.contains("partial"));
}

TEST(RepliesTest, WhatIsNotAllSaysSo) {
  runtime::Completions completions;
  runtime::Inspection inspection;
  runtime::VariableList variables;
  EXPECT_EQ(json(replies::reply(completions))["partial"], true);
  EXPECT_EQ(json(replies::reply(inspection))["partial"], true);
  EXPECT_EQ(json(replies::reply(variables))["partial"], true);
}

TEST(RepliesTest, Inspection) {
  runtime::Inspection told = {true, R"({"text/plain":"doc"})", {}, {}, false};
  const Json frame = json(replies::reply(told));
  EXPECT_EQ(frame["found"], true);
  EXPECT_EQ(frame["data"]["text/plain"], "doc");
  EXPECT_EQ(frame["metadata"], Json::object());
}

TEST(RepliesTest, Completeness) {
  runtime::Completeness told = {"incomplete", "    "};
  const Json frame = json(replies::reply(told));
  EXPECT_EQ(frame["status"], "incomplete");
  EXPECT_EQ(frame["indent"], "    ");
}

TEST(RepliesTest, Variables) {
  runtime::VariableList told = {9, R"([{"name":"x"}])", false};
  const Json frame = json(replies::reply(told));
  EXPECT_EQ(frame["total"], 9);
  EXPECT_EQ(frame["variables"][0]["name"], "x");
}

TEST(RepliesTest, ADisplayIsItsExecutionsOrNobodys) {
  runtime::Display display = {replwire_tests::execution(4), R"({"text/plain":"x"})", "{}", "d",
                              false};
  Json frame = json(replies::event(display));
  EXPECT_EQ(frame["execution_id"], "4");
  EXPECT_EQ(frame["data"]["text/plain"], "x");
  EXPECT_EQ(frame["display_id"], "d");
  EXPECT_FALSE(frame.contains("update"));
  display.execution = nullptr;
  display.update = true;
  frame = json(replies::event(display));
  EXPECT_EQ(frame["execution_id"], nullptr);
  EXPECT_EQ(frame["update"], true);
}

TEST(RepliesTest, ClearOutput) {
  const Json frame = json(replies::event(runtime::ClearOutput{nullptr, true}));
  EXPECT_EQ(frame, (Json{{"type", "clear_output"}, {"execution_id", nullptr}, {"wait", true}}));
}

TEST(RepliesTest, AQuestion) {
  const Json frame = json(replies::event(
      runtime::NeedInput{1, replwire_tests::execution(2), "name? ", true, true}, "input-9"));
  EXPECT_EQ(frame, (Json{{"type", "input"},
                         {"id", "input-9"},
                         {"execution_id", "2"},
                         {"prompt", "name? "},
                         {"password", true}}));
}

TEST(RepliesTest, AStackOrNone) {
  const auto stack = replies::stack_of(runtime::stack_dump::Frames{{"a.py", 3, "f"}});
  ASSERT_TRUE(stack);
  EXPECT_EQ(replies::text_of(stack),
            "Stack (most recent call last):\n  File \"a.py\", line 3, in f\n");
  EXPECT_FALSE(replies::stack_of("it is busy"));
  EXPECT_EQ(replies::text_of(std::nullopt), "");
}

TEST(RepliesTest, WhyAQuestionCloses) {
  using protocol::InputClosedReason;
  using protocol::RestoredCause;
  EXPECT_EQ(replies::closed_by(RestoredCause::kTimeout), InputClosedReason::kTimeout);
  EXPECT_EQ(replies::closed_by(RestoredCause::kInterrupt), InputClosedReason::kInterrupt);
  for (const auto cause : {RestoredCause::kCrash, RestoredCause::kRestore, RestoredCause::kUndo,
                           RestoredCause::kRollback}) {
    EXPECT_EQ(replies::closed_by(cause), InputClosedReason::kCrash);
  }
}

}  // namespace
}  // namespace replwire::server
