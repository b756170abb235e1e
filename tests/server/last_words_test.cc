// What the session says when it dies, and of what it dies.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include "support/case.h"
#include "support/run_program.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

struct Death : Case {
  const char* code;
  int status;  // minus the signal
  const char* cause;
  const char* traced = "doomed";  // a function that the Python stack names
};

// Everything up to the end of a session in which this code dies.
struct LastFrames {
  std::vector<Json> frames;
  Json fatal;
  int status;
};

LastFrames die(ServerProcess& server, std::string_view code, const Json& id = "last") {
  server.start(code, {{"id", id}});
  LastFrames last{.frames = server.read_to_end()};
  last.fatal = last.frames.empty() ? Json() : last.frames.back();
  last.status = server.wait_exit();
  EXPECT_EQ(last.fatal.value("type", ""), "fatal") << server.describe();
  return last;
}

std::string in_function(const char* code) {
  return "import ctypes, faulthandler, os, signal, sys, threading\ndef doomed():\n"
         "    print('printed before')\n    " +
         std::string(code) + "\ndoomed()";
}

class LastWordsTest : public ::testing::TestWithParam<Death> {};

TEST_P(LastWordsTest, NameTheCauseAndTheStack) {
  ServerProcess server;
  const LastFrames last = die(server, in_function(GetParam().code));
  EXPECT_EQ(last.status, GetParam().status);
  EXPECT_EQ(last.fatal["execution_id"], "last");
  EXPECT_NE(last.fatal["traceback"].get<std::string>().find(GetParam().traced), std::string::npos)
      << last.fatal;
  const char* field = GetParam().status < 0 ? "signal" : "reason";
  EXPECT_EQ(last.fatal.value(field, ""), GetParam().cause) << last.fatal;
  EXPECT_EQ(last.fatal.value("exit_status", GetParam().status), GetParam().status);
  EXPECT_EQ(output_text(last.frames, "stdout"), "printed before\n");
}

const Death kDeaths[] = {
    {"Segv", "ctypes.string_at(0)", -SIGSEGV, "SIGSEGV"},
    {"SegvByFaulthandler", "faulthandler._sigsegv()", -SIGSEGV, "SIGSEGV"},
    {"SegvByKill", "os.kill(os.getpid(), signal.SIGSEGV)", -SIGSEGV, "SIGSEGV"},
    {"Bus", "signal.raise_signal(signal.SIGBUS)", -SIGBUS, "SIGBUS"},
    {"BusOfAMapping",
     "import mmap, tempfile; f = tempfile.TemporaryFile(); f.truncate(4096); "
     "m = mmap.mmap(f.fileno(), 4096); f.truncate(0); m[0]",
     -SIGBUS, "SIGBUS"},
    {"Fpe", "faulthandler._sigfpe()", -SIGFPE, "SIGFPE"},
    {"Ill", "signal.raise_signal(signal.SIGILL)", -SIGILL, "SIGILL"},
    {"Abrt", "os.abort()", -SIGABRT, "SIGABRT"},
    {"AbortOfC", "ctypes.CDLL(None).abort()", -SIGABRT, "SIGABRT"},
    {"AbortWithTheGil", "ctypes.PyDLL(None).abort()", -SIGABRT, "SIGABRT"},
    // From 3.12 on Python, once it has told such an error, crashes in what it clears away.
    {"FatalPythonError",
     "os.abort() if sys.version_info >= (3, 12) else "
     "faulthandler._fatal_error_c_thread() or __import__('time').sleep(60)",
     -SIGABRT, "SIGABRT"},
    {"FatalPythonErrorHere", "ctypes.pythonapi.Py_FatalError(b'mine')", -SIGABRT, "SIGABRT"},
    {"SegvInAThread",
     "t = threading.Thread(target=ctypes.string_at, args=(0,)); t.start(); t.join()", -SIGSEGV,
     "SIGSEGV", "string_at"},
    {"StackOverflowOfFaulthandler", "faulthandler._stack_overflow()", -SIGSEGV, "SIGSEGV"},
    {"Quit", "signal.raise_signal(signal.SIGQUIT)", -SIGQUIT, "SIGQUIT", ""},
    {"Alarm", "signal.setitimer(signal.ITIMER_REAL, 0.001); threading.Event().wait(60)", -SIGALRM,
     "SIGALRM", ""},
    {"CpuTime", "os.kill(os.getpid(), signal.SIGXCPU)", -SIGXCPU, "SIGXCPU", ""},
    {"SystemCall", "os.kill(os.getpid(), signal.SIGSYS)", -SIGSYS, "SIGSYS", ""},
    {"Trap", "signal.raise_signal(signal.SIGTRAP)", -SIGTRAP, "SIGTRAP", ""},
    {"User1", "signal.raise_signal(signal.SIGUSR1)", -SIGUSR1, "SIGUSR1", ""},
    {"UnderscoreExit", "os._exit(5)", 5, "exit"},
    {"UnderscoreExitWithZero", "os._exit(0)", 0, "exit"},
    {"ExitOfC", "ctypes.CDLL(None).exit(7)", 7, "exit", ""},
};

INSTANTIATE_TEST_SUITE_P(Deaths, LastWordsTest, ::testing::ValuesIn(kDeaths), CaseName{});

TEST(LastWordsTest, PythonSeesNoHandlerOfOurs) {
  ServerProcess server;
  EXPECT_EQ(
      server
          .execute("import signal\n[signal.getsignal(getattr(signal, name)) is signal.SIG_DFL for "
                   "name in ('SIGALRM', 'SIGQUIT', 'SIGUSR1', 'SIGPROF')]")
          .value(),
      Json::array({true, true, true, true}));
  EXPECT_EQ(
      server
          .execute("old = signal.signal(signal.SIGALRM, lambda *_: print('rang'))\n"
                   "signal.raise_signal(signal.SIGALRM)\n_ = signal.signal(signal.SIGALRM, old)")
          .out,
      "rang\n");
}

// What was written is there, as in a pipe, whatever the process becomes.
TEST(LastWordsTest, TextBeforeAnotherProgramArrives) {
  for (const char* args : {"", "--survive"}) {
    ServerProcess server(*args == '\0' ? Launch{} : options({args}));
    server.start(
        "import os\nprint('before')\nos.write(1, b'and by descriptor')\nos.execv('/bin/true', "
        "['true'])");
    server.close_stdin();
    EXPECT_EQ(output_text(server.read_to_end(), "stdout"), "before\nand by descriptor")
        << server.describe();
  }
}

TEST(LastWordsTest, TextBeforeAKillArrivesWithSurvive) {
  ServerProcess server(options({"--survive"}));
  for (const char* end : {"os.kill(os.getpid(), 9)", "import ctypes; ctypes.CDLL(None)._exit(0)"}) {
    const Execution execution = server.execute(
        "import os\nprint('before')\nos.write(1, b'and by descriptor')\n" + std::string(end));
    EXPECT_EQ(execution.out, "before\nand by descriptor") << server.describe();
    EXPECT_EQ(execution.reason(), "crash");
  }
}

TEST(LastWordsTest, OfAStackOverflowInC) {
  ServerProcess server;
  if (server.execute("import sys\nsys.version_info >= (3, 12)").value() == true) {
    GTEST_SKIP() << "this Python counts its C stack";
  }
  const LastFrames last = die(server,
                              "sys.setrecursionlimit(1 << 30)\nx = []\n"
                              "for _ in range(300_000): x = [x]\nprint('built')\nrepr(x)");
  EXPECT_EQ(last.status, -SIGSEGV);
  EXPECT_EQ(last.fatal["signal"], "SIGSEGV");
  EXPECT_EQ(output_text(last.frames, "stdout"), "built\n");
}

TEST(LastWordsTest, AtRestNameNoExecution) {
  ServerProcess server;
  server.execute("import ctypes, threading\nthreading.Timer(0.05, ctypes.string_at, (0,)).start()");
  const std::vector<Json> frames = server.read_to_end();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back()["type"], "fatal") << server.describe();
  EXPECT_EQ(frames.back()["signal"], "SIGSEGV");
  EXPECT_EQ(frames.back()["execution_id"], nullptr);
  EXPECT_EQ(server.wait_exit(), -SIGSEGV);
}

TEST(LastWordsTest, FromOutsideAtRest) {
  ServerProcess server;
  server.execute("1");
  server.signal(SIGABRT);
  const std::vector<Json> frames = server.read_to_end();
  ASSERT_EQ(types_of(frames), std::vector<std::string>{"fatal"});
  EXPECT_EQ(frames[0]["signal"], "SIGABRT");
  EXPECT_EQ(frames[0]["execution_id"], nullptr);
  EXPECT_EQ(server.wait_exit(), -SIGABRT);
}

TEST(LastWordsTest, WhatWasPrintedBeforeIsDelivered) {
  ServerProcess server;
  const LastFrames last = die(server, R"(
import ctypes, os, sys, subprocess
for n in range(10_000): print('line', n)
size = os.write(1, b'by descriptor\n')
done = subprocess.run(['echo', 'by a child'])
print('to stderr', file=sys.stderr)
print('no newline', end='')
ctypes.string_at(0))");
  std::string expected;
  for (int n = 0; n < 10'000; ++n) expected += "line " + std::to_string(n) + "\n";
  EXPECT_EQ(output_text(last.frames, "stdout"), expected + "by descriptor\nby a child\nno newline");
  EXPECT_EQ(output_text(last.frames, "stderr"), "to stderr\n");
}

TEST(LastWordsTest, ACharacterCutByTheEndIsReplaced) {
  ServerProcess server;
  const LastFrames last = die(server, "import os\nx = os.write(1, b'cut \\xe4\\xb8')\nos.abort()");
  EXPECT_EQ(output_text(last.frames, "stdout"), "cut \ufffd");
}

TEST(LastWordsTest, WorkWhenTheIdIsLongAndTheStackDeep) {
  ServerProcess server;
  const std::string id(2000, '\x01');
  const LastFrames last =
      die(server, "import ctypes\ndef f(n): f(n - 1) if n else ctypes.string_at(0)\nf(500)", id);
  EXPECT_EQ(last.fatal["execution_id"], id);
}

TEST(LastWordsTest, UserCodeMayHaveEnabledFaulthandlerElsewhere) {
  for (const char* first : {"faulthandler.enable()", "faulthandler.enable(open('/dev/null', 'w'))",
                            "faulthandler.disable()"}) {
    ServerProcess server;
    server.execute("import faulthandler\n" + std::string(first));
    const LastFrames last = die(server, "import ctypes\nctypes.string_at(0)");
    EXPECT_EQ(last.fatal.value("signal", ""), "SIGSEGV") << first;
    EXPECT_EQ(last.status, -SIGSEGV) << first;
  }
}

TEST(LastWordsTest, AnInputThatWaitsDoesNotHinderThem) {
  ServerProcess server;
  server.execute(
      "import ctypes, threading\nt = threading.Timer(0.05, ctypes.string_at, (0,))\nt.start()");
  const LastFrames last = die(server, "input('?')");
  EXPECT_EQ(last.fatal["execution_id"], "last");
  EXPECT_EQ(last.status, -SIGSEGV);
}

// The client takes nothing until the flood stands still in the middle of a frame and the end is
// near.
TEST(LastWordsTest, EndALineHalfWrittenFirst) {
  for (const char* cause : {"ctypes.string_at(0)", "os._exit(3)", "os.abort()"}) {
    TempDir directory;
    ServerProcess server;
    server.start("import ctypes, os, threading\ndef end():\n    open('" + directory.path("near") +
                     "', 'w').close()\n    " + cause +
                     "\nthreading.Timer(0.3, end).start()\nwhile True: print('x' * 50_000)",
                 {{"id", "flood"}});
    const Clock::time_point deadline = Clock::now() + kPatience;
    while (!std::filesystem::exists(directory.path("near")) && Clock::now() < deadline) {
      ::poll(nullptr, 0, 2);
    }
    const std::vector<Json> frames = server.read_to_end();  // each line is checked
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames.back()["type"], "fatal") << cause;
    EXPECT_EQ(frames.back()["execution_id"], "flood");
    EXPECT_NE(server.wait_exit(), 0);
  }
}

TEST(LastWordsTest, AClientThatTakesNothingDoesNotKeepItAlive) {
  ServerProcess server;
  server.start(
      "import ctypes, threading\nthreading.Timer(0.1, ctypes.string_at, (0,)).start()\n"
      "while True: print('x' * 50_000)");
  // Nothing is read until the process has ended.
  const Fd ended = open_pidfd(server.pid());
  EXPECT_TRUE(wait_for(ended.get(), POLLIN, Clock::now() + kPatience));
}

TEST(LastWordsTest, AThreadMayEndTheProcess) {
  ServerProcess server;
  const LastFrames last =
      die(server,
          "import os, threading, time\nthreading.Timer(0.05, os._exit, (9,)).start()\n"
          "print('waits')\ntime.sleep(60)");
  EXPECT_EQ(last.fatal["reason"], "exit");
  EXPECT_EQ(last.fatal["exit_status"], 9);
  EXPECT_EQ(last.status, 9);
}

TEST(LastWordsTest, AForkedChildSpeaksNone) {
  ServerProcess server;
  const Execution execution = server.execute(R"(
import ctypes, os
ends = [lambda: ctypes.string_at(0), os.abort, lambda: os._exit(4), lambda: ctypes.CDLL(None).exit(4)]
codes = []
for end in ends:
    pid = os.fork()
    if pid == 0: end()
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
codes)");
  EXPECT_EQ(execution.value(), Json({-11, -6, 4, 4}));
  for (const Json& frame : execution.frames) EXPECT_NE(frame["type"], "fatal");
}

TEST(LastWordsTest, StandInTheOutputOfAPipeToo) {
  const Json request{{"type", "execute"}, {"code", "print('x')\nimport os\nos.abort()"}};
  const ProgramRun run = run_program({}, request.dump() + "\n");
  EXPECT_EQ(run.status, -SIGABRT);
  EXPECT_NE(run.out.find(R"("type":"fatal")"), std::string::npos);
  EXPECT_TRUE(run.out.ends_with("}\n"));
}

}  // namespace
}  // namespace replwire_tests
