#include "server/session/desks/input_desk.h"

#include <gtest/gtest.h>

#include "session/executions.h"

namespace replwire::server {
namespace {

using namespace replwire_tests;  // NOLINT(google-build-using-namespace)
using protocol::InputClosedReason;
using runtime::Unanswered;

std::string text_of(const runtime::Answer& answer) {
  if (const auto* line = std::get_if<runtime::Line>(&answer)) return line->text;
  if (const auto* refusal = std::get_if<runtime::Refusal>(&answer)) return "! " + refusal->message;
  return "EOF";
}

constexpr std::size_t kMostAhead = 10'000;  // bytes

class InputDeskTest : public ::testing::Test {
 protected:
  InputDeskTest() { desk_.open(); }

  static runtime::NeedInput question(std::uint64_t number, runtime::ExecutionRef execution = {},
                                     bool worker = true) {
    return {number, std::move(execution), "? ", false, worker};
  }
  void respond(std::string data, std::optional<std::string> input_id = {}) {
    protocol::InputResponse response;
    response.data = std::move(data);
    respond(std::move(response), std::move(input_id));
  }
  void respond(protocol::InputResponse response, std::optional<std::string> input_id = {}) {
    response.input_id = std::move(input_id);
    desk_.respond(response, ReplyOnce(sent_, "input_response", std::nullopt, 1));
  }
  using Answers = std::vector<std::pair<std::uint64_t, std::string>>;
  Answers answers() { return std::exchange(answers_, {}); }

  SentFrames sent_;
  Answers answers_;
  InputDesk desk_{sent_,
                  [this](std::uint64_t number, const runtime::Answer& answer) {
                    answers_.emplace_back(number, text_of(answer));
                  },
                  kMostAhead};
};

TEST_F(InputDeskTest, AsksAndHandsTheAnswerOn) {
  desk_.ask(question(5, execution(1)), nullptr);
  const Json input = sent_.only();
  EXPECT_EQ(input["type"], "input");
  EXPECT_EQ(input["id"], "input-1");
  EXPECT_EQ(input["execution_id"], "1");
  EXPECT_TRUE(desk_.waits_for(1));
  respond("Ada", "input-1");
  EXPECT_EQ(answers(), (Answers{{5, "Ada"}}));
  EXPECT_TRUE(desk_.empty());
  EXPECT_TRUE(sent_.take().empty());
}

class CallDeskTest : public InputDeskTest {
 protected:
  static runtime::NeedInput call(std::uint64_t number, runtime::ExecutionRef execution = {}) {
    runtime::NeedInput asked = question(number, std::move(execution));
    asked.call = runtime::HostCall{"f", "[1]", "{}"};
    return asked;
  }
  void respond_to_call(std::string id, std::string data) {
    protocol::CallResponse response;
    response.call_id = std::move(id);
    response.data = protocol::JsonOf<protocol::AnyValue>{std::move(data)};
    desk_.respond(response, ReplyOnce(sent_, "call_response", std::nullopt, 1));
  }
};

TEST_F(CallDeskTest, IsAskedAndAnsweredByItsId) {
  desk_.ask(call(5, execution(1)), nullptr);
  const Json frame = sent_.only();
  EXPECT_EQ(frame, Json::parse(R"({"type":"call","id":"call-1","execution_id":"1","name":"f",)"
                               R"("args":[1],"kwargs":{}})"));
  EXPECT_TRUE(desk_.waits_for(1, InputDesk::Kind::kCall));
  EXPECT_FALSE(desk_.waits_for(1, InputDesk::Kind::kInput));
  EXPECT_EQ(desk_.ids(InputDesk::Kind::kCall), (std::vector<std::string>{"call-1"}));
  respond_to_call("call-2", "1");
  EXPECT_EQ(sent_.only()["code"], "unknown_call_id");
  respond_to_call("call-1", "[]");
  ASSERT_EQ(answers().size(), 1U);
  EXPECT_TRUE(desk_.empty());
}

TEST_F(CallDeskTest, InputsAndTypeAheadAreNotForCalls) {
  desk_.ask(call(1), nullptr);
  desk_.ask(question(2), nullptr);
  sent_.take();
  respond("for the input");
  EXPECT_EQ(answers(), (Answers{{2, "for the input"}}));
  respond("ahead");
  desk_.ask(call(3), nullptr);
  EXPECT_EQ(sent_.only()["id"], "call-3");
  respond("x", "call-1");
  EXPECT_EQ(sent_.only()["code"], "unknown_input_id");
}

TEST_F(CallDeskTest, ClosesAsAnInputDoes) {
  desk_.ask(call(1), nullptr);
  desk_.ask(call(2), nullptr);
  sent_.take();
  desk_.cancel(1, nullptr);
  EXPECT_EQ(sent_.only(),
            Json::parse(R"({"type":"call_closed","id":"call-1","reason":"cancelled"})"));
  desk_.refuse_all(InputClosedReason::kEndOfInput);
  EXPECT_EQ(sent_.only()["reason"], "end_of_input");
  EXPECT_EQ(answers(), (Answers{{2, "EOF"}}));
  desk_.close();
  desk_.ask(call(3), nullptr);
  EXPECT_EQ(answers(), (Answers{{3, "EOF"}}));
}

TEST_F(InputDeskTest, NoIdIsUsedTwice) {
  for (std::uint64_t number = 1; number <= 3; ++number) {
    desk_.ask(question(number), nullptr);
    EXPECT_EQ(sent_.only()["id"], "input-" + std::to_string(number));
    respond("", "input-" + std::to_string(number));
  }
}

TEST_F(InputDeskTest, AnAnswerWithoutIdIsForTheOldest) {
  desk_.ask(question(1), nullptr);
  desk_.ask(question(2), nullptr);
  respond("first");
  respond("second");
  EXPECT_EQ(answers(), (Answers{{1, "first"}, {2, "second"}}));
}

TEST_F(InputDeskTest, SeveralAreAnsweredInAnyOrder) {
  desk_.ask(question(1), nullptr);
  desk_.ask(question(2), nullptr);
  EXPECT_EQ(desk_.ids(InputDesk::Kind::kInput), (std::vector<std::string>{"input-1", "input-2"}));
  respond("second", "input-2");
  respond("first", "input-1");
  EXPECT_EQ(answers(), (Answers{{2, "second"}, {1, "first"}}));
}

TEST_F(InputDeskTest, AnUnknownIdIsRefused) {
  respond("x", "input-1");
  const Json error = sent_.only();
  EXPECT_EQ(error["code"], "unknown_input_id");
  EXPECT_EQ(error["message"], "input_response: /input_id: no input() waits under \"input-1\"");
}

TEST_F(InputDeskTest, ASecondAnswerIsRefused) {
  desk_.ask(question(1), nullptr);
  respond("x", "input-1");
  sent_.take();
  respond("y", "input-1");
  EXPECT_EQ(sent_.only()["code"], "unknown_input_id");
  EXPECT_EQ(answers().size(), 1U);
}

TEST_F(InputDeskTest, WhatCameAheadIsUsedInItsOrder) {
  respond("one");
  respond("two");
  desk_.ask(question(1), nullptr);
  desk_.ask(question(2), nullptr);
  desk_.ask(question(3), nullptr);
  EXPECT_EQ(answers(), (Answers{{1, "one"}, {2, "two"}}));
  EXPECT_EQ(sent_.only()["id"], "input-1");
}

TEST_F(InputDeskTest, AnEndOfFileAndAnErrorMayComeAhead) {
  protocol::InputResponse eof;
  eof.eof = true;
  respond(std::move(eof));
  protocol::InputResponse error;
  error.error = "no";
  respond(std::move(error));
  desk_.ask(question(1), nullptr);
  desk_.ask(question(2), nullptr);
  EXPECT_EQ(answers(), (Answers{{1, "EOF"}, {2, "! no"}}));
}

TEST_F(InputDeskTest, OneLineBreakAtTheEndIsNotPartOfTheLine) {
  for (const char* data : {"a\n", "a\n\n", "\n", "a"}) respond(data);
  for (std::uint64_t number = 1; number <= 4; ++number) desk_.ask(question(number), nullptr);
  EXPECT_EQ(answers(), (Answers{{1, "a"}, {2, "a\n"}, {3, ""}, {4, "a"}}));
}

TEST_F(InputDeskTest, APasswordIsNeverTakenFromWhatCameAhead) {
  respond("typed");
  runtime::NeedInput password = question(1);
  password.password = true;
  desk_.ask(password, nullptr);
  EXPECT_EQ(sent_.only()["password"], true);
  EXPECT_TRUE(answers().empty());
  desk_.ask(question(2), nullptr);
  EXPECT_EQ(answers(), (Answers{{2, "typed"}}));
}

TEST_F(InputDeskTest, InputsOfTheExecutionComeBeforeWhatCameAhead) {
  respond("ahead");
  protocol::Execute request;
  request.inputs = std::vector<std::string>{"brought"};
  RunningExecution own = running(sent_, 1, std::move(request));
  desk_.ask(question(1, own.execution()), &own);
  desk_.ask(question(2, own.execution()), &own);
  EXPECT_EQ(answers(), (Answers{{1, "brought"}, {2, "ahead"}}));
  own.end(runtime::Completed{}, {});
}

TEST_F(InputDeskTest, InputsAreForTheirOwnExecutionAlone) {
  protocol::Execute request;
  request.inputs = std::vector<std::string>{"brought"};
  RunningExecution own = running(sent_, 1, std::move(request));
  desk_.ask(question(1, execution(2)), &own);
  desk_.ask(question(2), &own);
  EXPECT_TRUE(answers().empty());
  EXPECT_EQ(own.next_input(), "brought");
  own.end(runtime::Completed{}, {});
}

TEST_F(InputDeskTest, OnInputSaysWhatIsAnsweredWhenNothingIsAtHand) {
  desk_.ask(question(1, execution(1, Unanswered::kEof)), nullptr);
  desk_.ask(question(2, execution(1, Unanswered::kError)), nullptr);
  EXPECT_EQ(answers(), (Answers{{1, "EOF"},
                                {2,
                                 "! input() was called, and the execution's on_input is "
                                 "\"error\""}}));
  EXPECT_TRUE(desk_.empty());
}

TEST_F(InputDeskTest, WhatIsAtHandComesBeforeOnInput) {
  respond("ahead");
  desk_.ask(question(1, execution(1, Unanswered::kError)), nullptr);
  EXPECT_EQ(answers(), (Answers{{1, "ahead"}}));
}

TEST_F(InputDeskTest, NobodyCanBeAskedBeforeTheSessionIsOpen) {
  InputDesk desk(
      sent_,
      [this](std::uint64_t number, const runtime::Answer& answer) {
        answers_.emplace_back(number, text_of(answer));
      },
      kMostAhead);
  desk.ask(question(1), nullptr);
  EXPECT_EQ(answers(), (Answers{{1, "! input() cannot ask before the session has started"}}));
}

TEST_F(InputDeskTest, OnceClosedItStaysClosed) {
  InputDesk desk(
      sent_,
      [this](std::uint64_t number, const runtime::Answer& answer) {
        answers_.emplace_back(number, text_of(answer));
      },
      kMostAhead);
  desk.close();
  desk.open();
  desk.ask(question(1), nullptr);
  EXPECT_EQ(answers(), (Answers{{1, "EOF"}}));
}

TEST_F(InputDeskTest, WhatComesAheadIsBounded) {
  const std::string half(kMostAhead / 2, 'x');
  respond(half);
  respond("short");
  EXPECT_TRUE(sent_.take().empty());
  respond(half);
  EXPECT_EQ(sent_.only()["code"], "queue_full");
  desk_.ask(question(1), nullptr);
  respond(half);  // there is room again
  EXPECT_TRUE(sent_.take().empty());
  desk_.ask(question(2), nullptr);
  desk_.ask(question(3), nullptr);
  EXPECT_EQ(answers(), (Answers{{1, half}, {2, "short"}, {3, half}}));
}

TEST_F(InputDeskTest, OneAnswerAheadIsKeptHoweverLongItIs) {
  const std::string text(2 * kMostAhead, 'x');
  respond(text);
  EXPECT_TRUE(sent_.take().empty());
  desk_.ask(question(1), nullptr);
  EXPECT_EQ(answers(), (Answers{{1, text}}));
}

TEST_F(InputDeskTest, AfterTheEndOfInputWhatCameAheadIsStillUsed) {
  respond("ahead");
  desk_.close();
  desk_.ask(question(1), nullptr);
  desk_.ask(question(2), nullptr);
  EXPECT_EQ(answers(), (Answers{{1, "ahead"}, {2, "EOF"}}));
}

TEST_F(InputDeskTest, AWithdrawnQuestionIsClosedAndItsAnswerLate) {
  desk_.ask(question(1, execution(9)), nullptr);
  sent_.take();
  EXPECT_EQ(desk_.execution_of(1), 9U);
  desk_.withdraw(1, InputClosedReason::kTimeout);
  EXPECT_EQ(sent_.only(),
            (Json{{"type", "input_closed"}, {"id", "input-1"}, {"reason", "timeout"}}));
  EXPECT_EQ(desk_.execution_of(1), 0U);
  EXPECT_FALSE(desk_.waits_for(9));
  respond("late", "input-1");
  EXPECT_EQ(sent_.only()["code"], "unknown_input_id");
  EXPECT_TRUE(answers().empty());
}

TEST_F(InputDeskTest, ToWithdrawWhatWasAnsweredSaysNothing) {
  desk_.ask(question(1), nullptr);
  respond("x");
  sent_.take();
  desk_.withdraw(1, InputClosedReason::kInterrupt);
  EXPECT_TRUE(sent_.take().empty());
}

TEST_F(InputDeskTest, AtTheEndOfInputAllGetEof) {
  desk_.ask(question(1), nullptr);
  desk_.ask(question(2, {}, false), nullptr);
  sent_.take();
  desk_.refuse_all(InputClosedReason::kEndOfInput);
  EXPECT_EQ(answers(), (Answers{{1, "EOF"}, {2, "EOF"}}));
  EXPECT_EQ(sent_.take().size(), 2U);
  EXPECT_TRUE(desk_.empty());
}

TEST_F(InputDeskTest, AtAShutdownThreadsGetEofAndTheWorkerIsInterrupted) {
  desk_.ask(question(1), nullptr);
  desk_.ask(question(2, {}, false), nullptr);
  sent_.take();
  desk_.refuse_threads(InputClosedReason::kShutdown);
  EXPECT_EQ(answers(), (Answers{{2, "EOF"}}));
  EXPECT_EQ(sent_.only()["id"], "input-2");
  EXPECT_EQ(desk_.ids(InputDesk::Kind::kInput), std::vector<std::string>{"input-1"});
}

TEST_F(InputDeskTest, NobodyAnswersTheDead) {
  desk_.ask(question(1), nullptr);
  desk_.ask(question(2), nullptr);
  sent_.take();
  desk_.withdraw_all(InputClosedReason::kCrash);
  const std::vector<Json> frames = sent_.take();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[1], (Json{{"type", "input_closed"}, {"id", "input-2"}, {"reason", "crash"}}));
  EXPECT_TRUE(answers().empty());
}

}  // namespace
}  // namespace replwire::server
