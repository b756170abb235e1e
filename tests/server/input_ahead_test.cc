// Answers that come before the question: type-ahead, `inputs`, `on_input`.
#include <gtest/gtest.h>

#include "support/run_program.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

TEST(InputAheadTest, AnswerThatCameAheadIsKeptForTheNext) {
  ServerProcess server;
  server.answer("ahead");
  EXPECT_EQ(server.execute("1").value(), 1);
  EXPECT_EQ(server.execute("input()").value(), "ahead");
  EXPECT_EQ(server.ask("input()", "asked").value(), "asked");
}

TEST(InputAheadTest, SeveralAreTakenInTheirOrder) {
  ServerProcess server;
  for (const char* data : {"one", "two", "three"}) server.answer(data);
  EXPECT_EQ(server.execute("[input() for _ in range(3)]").value(),
            Json::array({"one", "two", "three"}));
}

TEST(InputAheadTest, EofAndErrorMayComeAheadToo) {
  ServerProcess server;
  server.send({{"type", "input_response"}, {"eof", true}});
  server.send({{"type", "input_response"}, {"error", "told before"}});
  EXPECT_EQ(server.execute("input()").exception(), "EOFError");
  const Execution execution = server.execute("input()");
  EXPECT_EQ(execution.exception(), "RuntimeError");
  EXPECT_EQ(execution.terminal["exception_message"], "told before");
}

TEST(InputAheadTest, IsNeverTakenForAPassword) {
  ServerProcess server;
  server.answer("no secret");
  const Json id = server.start("import getpass\n(getpass.getpass(), input())");
  const Json request = server.await_input();
  EXPECT_EQ(request["password"], true);
  server.answer(request["id"], "secret");
  EXPECT_EQ(server.finish(id).value(), Json::array({"secret", "no secret"}));
}

TEST(InputAheadTest, ServesReadsOfSysStdinToo) {
  ServerProcess server;
  server.answer("line");
  EXPECT_EQ(server.execute("import sys\nsys.stdin.readline()").value(), "line\n");
}

// The pipe of the issue, byte for byte.
TEST(InputAheadTest, AScriptPipedInWholeCarriesItsAnswers) {
  const ProgramRun run = run_program({},
                                     "{\"type\":\"execute\",\"code\":\"name = input()\"}\n"
                                     "{\"type\":\"input_response\",\"data\":\"Ada\"}\n"
                                     "{\"type\":\"execute\",\"code\":\"name\"}\n");
  EXPECT_EQ(run.status, 0);
  EXPECT_NE(run.out.find("\"'Ada'\""), std::string::npos) << run.out;
  EXPECT_EQ(run.out.find("\"type\":\"error\""), std::string::npos) << run.out;
}

TEST(InputAheadTest, APipeCarriesAnswersForManyExecutions) {
  ServerProcess server;
  std::string script;
  for (int n = 0; n < 200; ++n) {
    const std::string number = std::to_string(n);
    script += R"({"type":"execute","id":)" + number + R"(,"code":"int(input()) * 2"})" + "\n";
    script += R"({"type":"input_response","data":")" + number + "\"}\n";
  }
  server.send_bytes(script);
  server.close_stdin();
  for (int n = 0; n < 200; ++n) ASSERT_EQ(server.finish(n).value(), 2 * n);
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(InputsTest, AreGivenInTheirOrder) {
  ServerProcess server;
  const Execution execution =
      server.execute("[input('?') for _ in range(3)]", {{"inputs", {"a", "", "c"}}});
  EXPECT_EQ(execution.value(), Json::array({"a", "", "c"}));
  EXPECT_FALSE(execution.terminal.contains("inputs_unused") &&
               execution.terminal["inputs_unused"] != 0);
}

TEST(InputsTest, UnusedOnesAreSaidAndNotKept) {
  ServerProcess server;
  const Execution execution = server.execute("input()", {{"inputs", {"used", "left", "over"}}});
  EXPECT_EQ(execution.value(), "used");
  EXPECT_TRUE(execution.terminal.contains("inputs_unused")) << execution;
  EXPECT_EQ(server.ask("input()", "asked").value(), "asked");
}

TEST(InputsTest, UnusedOnesAreSaidInAnErrorToo) {
  ServerProcess server;
  const Execution execution = server.execute("1 / 0", {{"inputs", {"left"}}});
  EXPECT_FALSE(execution.ok());
  EXPECT_TRUE(execution.terminal.contains("inputs_unused")) << execution;
}

TEST(InputsTest, ComeBeforeTypeAhead) {
  ServerProcess server;
  server.answer("ahead");
  EXPECT_EQ(server.execute("input(), input()", {{"inputs", {"own"}}}).value(),
            Json::array({"own", "ahead"}));
}

TEST(InputsTest, ServePasswordsAndSysStdin) {
  ServerProcess server;
  const Execution execution =
      server.execute("import getpass, sys\n(getpass.getpass(), sys.stdin.readline())",
                     {{"inputs", {"secret", "line"}}});
  EXPECT_EQ(execution.value(), Json::array({"secret", "line\n"}));
}

TEST(InputsTest, WhenUsedUpTheClientIsAsked) {
  ServerProcess server;
  const Json id = server.start("input('a'), input('b')", {{"inputs", {"given"}}});
  // Whether a given answer has a frame of its own is not promised; the second question has one.
  const Json request = server
                           .read_until([](const Json& frame) {
                             return frame["type"] == "input" && frame["prompt"] == "b";
                           })
                           .back();
  server.answer(request["id"], "asked");
  EXPECT_EQ(server.finish(id).value(), Json::array({"given", "asked"}));
}

TEST(InputsTest, NullIsNone) {
  ServerProcess server;
  const Json id = server.start("input()", {{"inputs", nullptr}, {"on_input", nullptr}});
  server.answer(server.await_input()["id"], "asked");
  EXPECT_EQ(server.finish(id).value(), "asked");
}

TEST(OnInputTest, AskIsTheDefaultAndMayBeSaid) {
  ServerProcess server;
  const Json id = server.start("input()", {{"on_input", "ask"}});
  server.answer(server.await_input()["id"], "asked");
  EXPECT_EQ(server.finish(id).value(), "asked");
}

TEST(OnInputTest, EofRaisesEofErrorWhenInputsAreUsedUp) {
  ServerProcess server;
  const Execution execution =
      server.execute("got = input()\ninput()", {{"inputs", {"given"}}, {"on_input", "eof"}});
  EXPECT_EQ(execution.exception(), "EOFError");
  EXPECT_EQ(server.execute("got").value(), "given");
  EXPECT_EQ(server.ask("input()", "asked").value(), "asked");
}

TEST(OnInputTest, EofEndsAReadOfSysStdin) {
  ServerProcess server;
  const Execution execution =
      server.execute("import sys\nsys.stdin.read()", {{"inputs", {"a", "b"}}, {"on_input", "eof"}});
  EXPECT_EQ(execution.value(), "a\nb\n");
}

TEST(OnInputTest, ErrorRaisesRuntimeError) {
  ServerProcess server;
  const Execution execution = server.execute("input()", {{"on_input", "error"}});
  EXPECT_EQ(execution.exception(), "RuntimeError");
  EXPECT_EQ(server.ask("input()", "asked").value(), "asked");
}

TEST(OnInputTest, TypeAheadComesFirst) {
  ServerProcess server;
  server.answer("ahead");
  EXPECT_EQ(server.execute("input()", {{"on_input", "eof"}}).value(), "ahead");
  EXPECT_EQ(server.execute("input()", {{"on_input", "eof"}}).exception(), "EOFError");
}

TEST(OnInputTest, AnUnknownWordIsRefused) {
  ServerProcess server;
  server.send({{"type", "execute"}, {"id", "e"}, {"code", "1"}, {"on_input", "maybe"}});
  const Json error = server.read_frame();
  EXPECT_EQ(error["type"], "protocol_error");
  EXPECT_EQ(error["code"], "invalid_field");
  EXPECT_EQ(error["id"], "e");
  EXPECT_EQ(server.execute("1").value(), 1);
}

}  // namespace
}  // namespace replwire_tests
