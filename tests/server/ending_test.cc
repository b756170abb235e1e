// How a session ends, and with which exit status.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "support/run_program.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

std::string last_type(const std::vector<Json>& frames) {
  return frames.empty() ? "no frame at all" : frames.back().at("type");
}

TEST(EndOfInputTest, AtRestEndsWithStatusZero) {
  ServerProcess server;
  server.close_stdin();
  EXPECT_TRUE(server.read_to_end().empty());
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(EndOfInputTest, NothingAtAllIsFineToo) {
  const ProgramRun run = run_program({});
  EXPECT_EQ(run.status, 0);
  EXPECT_EQ(std::ranges::count(run.out, '\n'), 1);
}

TEST(EndOfInputTest, WhatIsQueuedIsFinished) {
  ServerProcess server;
  std::vector<Json> ids;
  for (int n = 0; n < 50; ++n) {
    ids.push_back(server.start("import time\ntime.sleep(0.002)\n" + std::to_string(n)));
  }
  server.close_stdin();
  int n = 0;
  for (const Json& id : ids) EXPECT_EQ(server.finish(id).value(), n++);
  EXPECT_TRUE(server.read_to_end().empty());
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(EndOfInputTest, AnInputAfterItGetsEofError) {
  ServerProcess server;
  const Json first = server.start("import time\ntime.sleep(0.05)\ninput()");
  const Json second = server.start("input()");
  server.close_stdin();
  EXPECT_EQ(server.finish(first).exception(), "EOFError");
  EXPECT_EQ(server.finish(second).exception(), "EOFError");
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(EndOfInputTest, AtexitHandlersRun) {
  TempDir directory;
  ServerProcess server;
  server.execute("import atexit\natexit.register(lambda: open('" + directory.path("mark") +
                 "', 'w').write('ran'))");
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
  EXPECT_EQ(read_text(directory.path("mark")), "ran");
}

TEST(ShutdownTest, AtRestReplyIsTheLastFrame) {
  ServerProcess server;
  server.send({{"type", "shutdown"}, {"id", "bye"}});
  const std::vector<Json> frames = server.read_to_end();
  ASSERT_EQ(types_of(frames), std::vector<std::string>{"shutdown_reply"});
  EXPECT_EQ(frames[0]["id"], "bye");
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(ShutdownTest, InterruptsWhatRunsAndCancelsWhatIsQueued) {
  ServerProcess server;
  const Json running = server.start("print('go')\nwhile True: pass");
  const Json queued = server.start("print('never')");
  server.read_line();
  server.send({{"type", "shutdown"}});
  EXPECT_EQ(last_type(server.read_to_end()), "shutdown_reply");
  EXPECT_EQ(server.finish(running).exception(), "KeyboardInterrupt");
  const Execution never = server.finish(queued);
  EXPECT_EQ(never.reason(), "cancelled");
  EXPECT_EQ(never.out, "");
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(ShutdownTest, AtexitHandlersRunBeforeTheReply) {
  TempDir directory;
  ServerProcess server;
  server.execute("import atexit\natexit.register(lambda: open('" + directory.path("mark") +
                 "', 'w').write('ran'))");
  server.send({{"type", "shutdown"}});
  server.read_until("shutdown_reply");
  EXPECT_EQ(read_text(directory.path("mark")), "ran");
}

TEST(ShutdownTest, AHangingAtexitHandlerDelaysItOnlyASecond) {
  ServerProcess server;
  server.execute("import atexit, time\natexit.register(time.sleep, 600)");
  server.send({{"type", "shutdown"}});
  EXPECT_EQ(server.read_until("shutdown_reply").size(), 1u);
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(ShutdownTest, EachRequestThatWaitsIsAnswered) {
  ServerProcess server;
  server.execute(
      "class Slow:\n    def __del__(self): print('deleted', flush=True); __import__('time')."
      "sleep(600)\nslow = Slow()");
  server.send({{"type", "reset"}, {"id", "under way"}});
  server.read_line();
  server.send({{"type", "reset"}, {"id", "queued"}});
  server.send({{"type", "shutdown"}, {"id", "bye"}});
  const std::vector<Json> frames = server.read_to_end();
  ASSERT_EQ(frames.size(), 3U) << server.describe();
  EXPECT_EQ(frames[0]["id"], "under way");
  EXPECT_EQ(frames[0].value("code", ""), "shutting_down");
  EXPECT_EQ(frames[0]["line"], 2);
  EXPECT_EQ(frames[1]["id"], "queued");
  EXPECT_EQ(frames[1].value("code", ""), "shutting_down");
  EXPECT_EQ(frames[1]["line"], 3);
  EXPECT_EQ(frames[2]["id"], "bye");
}

TEST(ShutdownTest, EachIsAnswered) {
  ServerProcess server;
  server.start(
      "print('go')\nwhile True:\n    try:\n        while True: pass\n"
      "    except BaseException: pass");
  server.read_line();
  server.send({{"type", "shutdown"}, {"id", "first"}});
  server.send({{"type", "shutdown"}, {"id", "second"}});
  const std::vector<Json> frames = server.read_to_end();
  ASSERT_EQ(frames.size(), 3U) << server.describe();
  EXPECT_EQ(frames[1], (Json{{"type", "shutdown_reply"}, {"id", "first"}}));
  EXPECT_EQ(frames[2], (Json{{"type", "shutdown_reply"}, {"id", "second"}}));
}

TEST(ShutdownTest, CodeThatWillNotStopDelaysItOnlyASecond) {
  ServerProcess server;
  server.start(
      "print('go')\nwhile True:\n    try:\n        while True: pass\n"
      "    except BaseException: pass");
  server.read_line();
  server.send({{"type", "shutdown"}});
  EXPECT_EQ(last_type(server.read_to_end()), "shutdown_reply");
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(ShutdownTest, LaterExecutesAreRefused) {
  TempDir directory;
  ServerProcess server;
  // Goes on after the interrupt until the test has its refusal.
  const Json id = server.start(
      "import os, time\ntry: input()\nexcept KeyboardInterrupt:\n"
      "    while not os.path.exists('" +
      directory.path("refused") + "'): time.sleep(0.005)");
  server.await_input();
  server.send({{"type", "shutdown"}});
  server.read_until("input_closed");
  server.send({{"type", "execute"}, {"id", "late"}, {"code", "1"}});
  const Json error = server.read_until("protocol_error").back();
  EXPECT_EQ(error["code"], "shutting_down");
  EXPECT_EQ(error["id"], "late");
  directory.write("refused", "");
  EXPECT_EQ(last_type(server.read_to_end()), "shutdown_reply");
  EXPECT_EQ(server.wait_exit(), 0);
}

class EndingSignalTest : public ::testing::TestWithParam<int> {};

TEST_P(EndingSignalTest, IsAShutdownAtRest) {
  ServerProcess server;
  server.execute("1");
  server.signal(GetParam());
  EXPECT_EQ(types_of(server.read_to_end()), std::vector<std::string>{"shutdown_reply"});
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST_P(EndingSignalTest, IsAShutdownWhileCodeRuns) {
  ServerProcess server;
  const Json running = server.start("print('go')\nwhile True: pass");
  const Json queued = server.start("1");
  server.read_line();
  server.signal(GetParam());
  EXPECT_EQ(server.finish(running).exception(), "KeyboardInterrupt");
  EXPECT_EQ(server.finish(queued).reason(), "cancelled");
  EXPECT_EQ(last_type(server.read_to_end()), "shutdown_reply");
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST_P(EndingSignalTest, IsAShutdownWhileInputWaits) {
  ServerProcess server;
  server.start("input()");
  server.await_input();
  server.signal(GetParam());
  EXPECT_EQ(server.read_until("input_closed").back()["reason"], "shutdown");
  EXPECT_EQ(last_type(server.read_to_end()), "shutdown_reply");
  EXPECT_EQ(server.wait_exit(), 0);
}

INSTANTIATE_TEST_SUITE_P(Signals, EndingSignalTest, ::testing::Values(SIGTERM, SIGHUP));

TEST(EndingTest, AnInheritedIgnoredHangupStaysIgnored) {
  ServerProcess server(Launch{.ignored_signals = {SIGHUP}});
  server.signal(SIGHUP);
  server.status();
  server.signal(SIGHUP);
  EXPECT_EQ(server.execute("'alive'").value(), "alive");
  EXPECT_EQ(
      server.execute("import signal\nsignal.getsignal(signal.SIGHUP) is signal.SIG_IGN").value(),
      true);
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
}

class ReaderGoneTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ReaderGoneTest, EndsTheProcessAtOnce) {
  ServerProcess server;
  server.start(GetParam());
  server.read_until([](const Json& frame) { return frame["type"] != "result"; });
  server.close_stdout();
  server.wait_exit();
}

INSTANTIATE_TEST_SUITE_P(
    Codes, ReaderGoneTest,
    ::testing::Values("print('go')\nwhile True: pass", "while True: print('go')",
                      "print('go')\nimport time\ntime.sleep(600)", "input()",
                      "print('go')\nwhile True:\n    try:\n        while True: pass\n"
                      "    except BaseException: pass"));

TEST(EndingTest, ReaderGoneAtRestEndsTheProcess) {
  ServerProcess server;
  server.execute("1");
  server.close_stdout();
  server.wait_exit();
}

TEST(EndingTest, OsExitIsTheStatus) {
  ServerProcess server;
  server.start("import os\nos._exit(5)");
  EXPECT_EQ(server.wait_exit(), 5);
}

TEST(EndingTest, ItsOwnSignalIsTheStatus) {
  for (const char* name : {"SIGKILL", "SIGABRT", "SIGSEGV"}) {
    ServerProcess server;
    server.start("import os, signal\nsignum = int(signal." + std::string(name) +
                 ")\nos.kill(os.getpid(), signum)\nimport time\ntime.sleep(600)");
    const int status = server.wait_exit();
    const std::map<std::string, int> numbers{
        {"SIGKILL", SIGKILL}, {"SIGABRT", SIGABRT}, {"SIGSEGV", SIGSEGV}};
    EXPECT_EQ(status, -numbers.at(name));
  }
}

}  // namespace
}  // namespace replwire_tests
