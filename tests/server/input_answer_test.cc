// What an `input()` gets, and how it ends.
#include <gtest/gtest.h>
#include <signal.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

struct Answer : Case {
  const char* sent;
  const char* got;
};

class AnswerTest : public ::testing::TestWithParam<Answer> {};

TEST_P(AnswerTest, IsTakenAsItIs) {
  ServerProcess server;
  EXPECT_EQ(server.ask("input()", GetParam().sent).value(), GetParam().got);
}

const Answer kAnswers[] = {
    {"Plain", "Ada", "Ada"},
    {"Empty", "", ""},
    {"Spaces", "  both ends\t ", "  both ends\t "},
    {"Unicode", "\u00fc \u4e2d \U0001f600 \u2028", "\u00fc \u4e2d \U0001f600 \u2028"},
    {"FinalNewlineIsDropped", "line\n", "line"},
    {"OnlyOneFinalNewlineIsDropped", "line\n\n", "line\n"},
    {"InnerNewlineStays", "one\ntwo", "one\ntwo"},
    {"NewlineAlone", "\n", ""},
    {"Quotes", "\"'\\", "\"'\\"},
    {"ControlCharacters", "\x01\x1b[0m", "\x01\x1b[0m"},
};

INSTANTIATE_TEST_SUITE_P(Answers, AnswerTest, ::testing::ValuesIn(kAnswers), CaseName{});

TEST(InputAnswerTest, MayBeLarge) {
  ServerProcess server;
  const std::string large(4'000'000, 'x');
  EXPECT_EQ(server.ask("len(input())", large).value(), large.size());
}

TEST(InputAnswerTest, NullFieldsCountAsAbsent) {
  ServerProcess server;
  const Json id = server.start("input()");
  const Json request = server.await_input();
  server.send({{"type", "input_response"},
               {"input_id", request["id"]},
               {"data", "x"},
               {"eof", nullptr},
               {"error", nullptr}});
  EXPECT_EQ(server.finish(id).value(), "x");
}

TEST(InputAnswerTest, EofRaisesEofErrorAndALaterInputWorks) {
  ServerProcess server;
  const Json id = server.start("input()");
  server.send(
      {{"type", "input_response"}, {"input_id", server.await_input()["id"]}, {"eof", true}});
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.exception(), "EOFError");
  EXPECT_EQ(execution.reason(), "exception");
  EXPECT_EQ(server.ask("input()", "later").value(), "later");
}

TEST(InputAnswerTest, EofMayBeCaughtAndTheSameExecutionAsksAgain) {
  ServerProcess server;
  const Json id =
      server.start("try:\n    input()\nexcept EOFError:\n    got = input('again')\ngot");
  server.send(
      {{"type", "input_response"}, {"input_id", server.await_input()["id"]}, {"eof", true}});
  server.answer(server.await_input()["id"], "second");
  EXPECT_EQ(server.finish(id).value(), "second");
}

TEST(InputAnswerTest, ErrorRaisesRuntimeErrorWithItsText) {
  ServerProcess server;
  const Json id = server.start("input()");
  server.send({{"type", "input_response"},
               {"input_id", server.await_input()["id"]},
               {"error", "the dialog was closed"}});
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.exception(), "RuntimeError");
  EXPECT_EQ(execution.terminal["exception_message"], "the dialog was closed");
  EXPECT_EQ(server.ask("input()", "later").value(), "later");
}

TEST(InputAnswerTest, UnaddressedAnswersTheOldestThatWaits) {
  ServerProcess server;
  const Json id = server.start(R"(
import threading
got = {}
def ask(name):
    got[name] = input(name)
older = threading.Thread(target=ask, args=('older',))
younger = threading.Thread(target=ask, args=('younger',))
older.start()
input('both?')
younger.start()
older.join(); younger.join()
got
)");
  std::map<std::string, Json> requests;
  for (int n = 0; n < 2; ++n) {
    const Json request = server.await_input();
    requests[request["prompt"]] = request["id"];
  }
  server.answer(requests["both?"], "");
  EXPECT_EQ(server.await_input()["prompt"], "younger");
  server.answer("A");
  server.answer("B");
  EXPECT_EQ(server.finish(id).value(), Json({{"older", "A"}, {"younger", "B"}}));
}

TEST(InputAnswerTest, AnAnswerNobodyAskedForIsRefused) {
  ServerProcess server;
  server.send({{"type", "input_response"}, {"input_id", "nobody"}, {"data", "x"}});
  const Json error = server.read_frame();
  EXPECT_EQ(error["type"], "protocol_error");
  EXPECT_EQ(error["code"], "unknown_input_id");
  EXPECT_EQ(error["line"], 1);
}

TEST(InputAnswerTest, ASecondAnswerToTheSameRequestIsRefused) {
  ServerProcess server;
  const Json id = server.start("input()");
  const Json input_id = server.await_input()["id"];
  server.answer(input_id, "first");
  server.answer(input_id, "second");
  EXPECT_EQ(server.read_until("protocol_error").back()["code"], "unknown_input_id");
  EXPECT_EQ(server.finish(id).value(), "first");
  EXPECT_EQ(server.ask("input()", "own").value(), "own");
}

TEST(InputAnswerTest, InterruptWithdrawsTheRequest) {
  ServerProcess server;
  const Json id = server.start("input()");
  const Json request = server.await_input();
  EXPECT_EQ(server.interrupt(id)["outcome"], "delivered");
  const Json closed = server.read_until("input_closed").back();
  EXPECT_EQ(closed["id"], request["id"]);
  EXPECT_EQ(closed["reason"], "interrupt");
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.exception(), "KeyboardInterrupt");
  EXPECT_EQ(execution.reason(), "interrupt");
  server.answer(request["id"], "too late");
  EXPECT_EQ(server.read_until("protocol_error").back()["code"], "unknown_input_id");
  EXPECT_EQ(server.ask("input()", "later").value(), "later");
}

TEST(InputAnswerTest, TypeAheadForOthersOutlivesAnInterrupt) {
  ServerProcess server;
  const Json id = server.start("import getpass\ngetpass.getpass()");
  server.await_input();
  // Unaddressed it would answer the password; so it is sent while nothing waits.
  server.interrupt(id);
  server.finish(id);
  server.answer("kept");
  const Json second = server.start("import getpass\ngetpass.getpass()");
  EXPECT_EQ(server.await_input()["password"], true);
  server.interrupt(second);
  server.finish(second);
  EXPECT_EQ(server.execute("input()").value(), "kept");
}

TEST(InputAnswerTest, EndOfInputClosesTheRequest) {
  ServerProcess server;
  const Json id = server.start("try:\n    input()\nexcept EOFError:\n    print('caught')");
  const Json request = server.await_input();
  server.close_stdin();
  const Json closed = server.read_until("input_closed").back();
  EXPECT_EQ(closed["id"], request["id"]);
  EXPECT_EQ(closed["reason"], "end_of_input");
  EXPECT_EQ(server.finish(id).out, "caught\n");
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(InputAnswerTest, ShutdownClosesTheRequest) {
  ServerProcess server;
  const Json id = server.start("input()");
  const Json request = server.await_input();
  server.send({{"type", "shutdown"}});
  const Json closed = server.read_until("input_closed").back();
  EXPECT_EQ(closed["id"], request["id"]);
  EXPECT_EQ(closed["reason"], "shutdown");
  EXPECT_FALSE(server.finish(id).ok());
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(InputAnswerTest, ASignalHandlerThatRaisesEndsTheWait) {
  ServerProcess server;
  const Execution execution = server.execute(R"(
import signal
def ring(number, frame): raise TimeoutError('rang')
old = signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.02)
input('waits for the bell')
)");
  EXPECT_EQ(execution.exception(), "TimeoutError") << execution;
  EXPECT_EQ(server.ask("input()", "later").value(), "later");
}

TEST(InputAnswerTest, ASignalHandlerThatReturnsLeavesTheWaitAsItWas) {
  ServerProcess server;
  // It rings again and again, so that it certainly does while the question waits.
  const Json id = server.start(R"(
import signal
old = signal.signal(signal.SIGALRM, lambda number, frame: print('rang'))
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
got = input('goes on waiting')
signal.setitimer(signal.ITIMER_REAL, 0)
got
)");
  const Json request = server.await_input();
  for (int n = 0; n < 3; ++n) server.read_until("output");
  server.answer(request["id"], "answered");
  EXPECT_EQ(server.finish(id).value(), "answered");
}

// Rung at every moment on the way into the wait: one that is slept through is noticed only when
// something else happens, here never.
TEST(InputAnswerTest, ASignalOnTheWayIntoTheWaitIsNotLost) {
  ServerProcess server;
  const Execution execution = server.execute(R"(
import signal
def ring(number, frame): raise TimeoutError
old = signal.signal(signal.SIGALRM, ring)
heard = 0
for n in range(300):
    try:
        signal.setitimer(signal.ITIMER_REAL, (n + 1) * 1e-6)
        input()
    except TimeoutError:
        heard += 1
heard
)");
  EXPECT_EQ(execution.value(), 300);
}

}  // namespace
}  // namespace replwire_tests
