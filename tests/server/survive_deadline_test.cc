// --survive: the last rung of the ladder. What cannot be stopped is ended, and the session goes on.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/process_watch.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

struct Hang : Case {
  const char* code;
};

constexpr const char* kImports = "import collections, hashlib, itertools, signal, time\nkept = [1]";

class SurviveHangTest : public ::testing::TestWithParam<Hang> {};

TEST_P(SurviveHangTest, EndsWithItsTimeoutAndAGrace) {
  ServerProcess server(surviving());
  server.execute(kImports);
  const Clock::time_point start = Clock::now();
  const Execution late = server.execute("kept.append(2)\n" + std::string(GetParam().code),
                                        {{"timeout", 0.2}, {"grace", 0.2}});
  EXPECT_LT(Clock::now() - start, Millis(5000));
  EXPECT_EQ(late.reason(), "timeout") << late;
  EXPECT_EQ(late.terminal["restored"], true);
  EXPECT_EQ(frame_of(late.frames, "restored")["cause"], "timeout");
  EXPECT_EQ(server.execute("kept").value(), Json({1}));
}

TEST_P(SurviveHangTest, EndsWithAnInterruptAndAGrace) {
  ServerProcess server(surviving());
  server.execute(kImports);
  const Json id = server.start("print('on')\nkept.append(2)\n" + std::string(GetParam().code));
  server.read_line();
  server.send({{"type", "interrupt"}, {"id", "i"}, {"execution_id", id}, {"grace", 0.2}});
  const Execution stopped = server.finish(id);
  EXPECT_EQ(stopped.reason(), "interrupt") << stopped;
  EXPECT_EQ(stopped.terminal["restored"], true);
  EXPECT_EQ(frame_of(stopped.frames, "restored")["cause"], "interrupt");
  EXPECT_EQ(server.execute("kept").value(), Json({1}));
}

const Hang kHangs[] = {
    {"InC", "sum(range(10**11))"},
    {"InCThatHoldsTheGil", "collections.deque(itertools.repeat(1), 0)"},
    {"InCWithoutTheGil", "hashlib.pbkdf2_hmac('sha1', b'', b'', 2**31 - 1)"},
    {"WithAllSignalsBlocked",
     "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: "
     "time.sleep(1)"},
    {"WithInterruptsIgnored",
     "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(1)"},
    {"ThatCatchesAll",
     "while True:\n    try:\n        while True: time.sleep(0.001)\n    except BaseException: "
     "pass"},
};

INSTANTIATE_TEST_SUITE_P(Hangs, SurviveHangTest, ::testing::ValuesIn(kHangs), CaseName{});

TEST(SurviveDeadlineTest, WhatCanBeStoppedKeepsItsInterpreter) {
  ServerProcess server(surviving());
  server.execute("kept = [1]");
  const Execution late = server.execute("kept.append(2)\nwhile True: pass", {{"timeout", 0.1}});
  EXPECT_EQ(late.reason(), "timeout");
  EXPECT_EQ(late.terminal.value("restored", false), false);
  EXPECT_EQ(server.execute("kept").value(), Json({1, 2}));
  EXPECT_EQ(server.execute("import os\nos.getpid()").value(), first_interpreter(server));
}

TEST(SurviveDeadlineTest, ThePlaceWhereItHungIsTold) {
  ServerProcess server(surviving());
  const Execution late = server.execute("def hanging():\n    sum(range(10**11))\nhanging()",
                                        {{"timeout", 0.1}, {"grace", 0.2}});
  EXPECT_NE(late.terminal["traceback"].get<std::string>().find("hanging"), std::string::npos)
      << late;
}

TEST(SurviveDeadlineTest, AnInputThatWaitsIsClosedWithTheReason) {
  ServerProcess server(surviving());
  const Json id = server.start(
      "while True:\n    try: input()\n    except KeyboardInterrupt: sum(range(10**11))",
      {{"timeout", 0.2}, {"grace", 0.2}, {"timeout_includes_input", true}});
  const Json asked = server.await_input();
  const Execution late = server.finish(id);
  EXPECT_EQ(late.reason(), "timeout");
  EXPECT_EQ(server.ask("input()", "works").value(), "works");
}

TEST(SurviveDeadlineTest, WhatTheExecutionStartedEndsWithIt) {
  ServerProcess server(surviving());
  const Json id = server.start(
      "import subprocess\np = subprocess.Popen(['sleep', '600'])\nprint(p.pid)\n"
      "sum(range(10**11))",
      {{"timeout", 0.3}, {"grace", 0.2}});
  const ProcessWatch started(std::stoi(server.read_line()));
  EXPECT_EQ(server.finish(id).reason(), "timeout");
  EXPECT_TRUE(started.ends(kPatience));
}

TEST(SurviveDeadlineTest, TheQueueGoesOn) {
  ServerProcess server(surviving());
  server.start("kept = 1");
  const Json hung = server.start("sum(range(10**11))", {{"timeout", 0.1}, {"grace", 0.1}});
  const Json next = server.start("kept");
  EXPECT_EQ(server.finish(hung).reason(), "timeout");
  EXPECT_EQ(server.finish(next).value(), 1);
}

TEST(SurviveDeadlineTest, AThreadThatHangsInCAtRestIsNoHindrance) {
  ServerProcess server(surviving());
  server.execute(
      "import ctypes, os, threading\nkept = 1\n"
      "threading.Thread(target=ctypes.CDLL(None).sleep, args=(600,), name='hung').start()");
  const Execution lost = server.execute("os.abort()");
  EXPECT_EQ(frame_of(lost.frames, "restored")["lost_threads"], Json({"hung"}));
  EXPECT_EQ(server.execute("kept").value(), 1);
}

TEST(SurviveDeadlineTest, AShutdownEndsWhatHangs) {
  ServerProcess server(surviving());
  const Json id = server.start("print('on')\nsum(range(10**11))");
  server.read_line();
  server.send({{"type", "shutdown"}, {"id", "s"}});
  const std::vector<Json> frames = server.read_to_end();
  ASSERT_FALSE(frames.empty());
  server.wait_exit(Millis(5000));
  bool ended = false;
  for (const Json& frame : frames) ended = ended || is_terminal(frame);
  EXPECT_TRUE(ended || frames.back()["type"] == "fatal") << server.describe();
}

// The signal that asked the hung one for its stack died with it.
TEST(SurviveDeadlineTest, TheNextOnesStackCanBeHad) {
  ServerProcess server(surviving());
  server.execute("import signal");
  const Execution hung =
      server.execute("x = signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
                     {{"timeout", 1}, {"grace", 0.1}});
  ASSERT_EQ(hung.terminal["restored"], true) << hung;
  server.start("import time\ndef waiting():\n    print('on')\n    time.sleep(600)\nwaiting()");
  server.read_line();
  // On a noisy machine it may come too late now and then.
  Json status;
  const Clock::time_point end = Clock::now() + kPatience;
  while (!status.contains("stack") && Clock::now() < end) {
    status = request(server, {{"type", "status"}, {"stack", true}});
  }
  ASSERT_TRUE(status.contains("stack")) << status;
  EXPECT_EQ(status["stack"].back()["function"], "waiting");
}

}  // namespace
}  // namespace replwire_tests
