// --survive: what an interpreter dies of, and what its session has afterwards.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "support/case.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

struct Crash : Case {
  const char* code;
  Json signal;                    // null: it exited
  Json exit_status;               // null: a signal ended it
  const char* traced = "doomed";  // a function that the Python stack names
};

class SurviveCrashTest : public ::testing::TestWithParam<Crash> {};

constexpr const char* kImports =
    "import atexit, ctypes, faulthandler, os, signal, sys, threading, time\n";

std::string in_function(const char* code) {
  return "def doomed():\n    print('printed before')\n    " + std::string(code) + "\ndoomed()";
}

TEST_P(SurviveCrashTest, CostsOneExecutionAndNoVariable) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute(std::string(kImports) + "kept = [1, 2]").ok());
  const Execution lost = server.execute("lost = 3\n" + in_function(GetParam().code));
  EXPECT_EQ(lost.reason(), "crash") << lost;
  EXPECT_EQ(lost.terminal["restored"], true);
  EXPECT_EQ(lost.terminal.value("signal", Json()), GetParam().signal) << lost;
  EXPECT_EQ(lost.terminal.value("exit_status", Json()), GetParam().exit_status) << lost;
  EXPECT_NE(lost.terminal["traceback"].get<std::string>().find(GetParam().traced),
            std::string::npos)
      << lost;
  const auto names = [](const Json& frame) { return frame["function"] == GetParam().traced; };
  EXPECT_EQ(std::ranges::any_of(lost.terminal["frames"], names), *GetParam().traced != '\0')
      << lost;
  EXPECT_EQ(lost.out, "printed before\n");
  const Execution next = server.execute("kept + ['lost' in globals()]");
  EXPECT_EQ(next.value(), Json({1, 2, false})) << next;
  EXPECT_EQ(next.terminal["execution_count"], 3);
}

const Crash kCrashes[] = {
    {"Segv", "ctypes.string_at(0)", "SIGSEGV", {}},
    {"SegvByKill", "os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV", {}},
    {"Bus", "signal.raise_signal(signal.SIGBUS)", "SIGBUS", {}},
    {"Fpe", "faulthandler._sigfpe()", "SIGFPE", {}},
    {"Ill", "signal.raise_signal(signal.SIGILL)", "SIGILL", {}},
    {"Abrt", "os.abort()", "SIGABRT", {}},
    {"AbortOfC", "ctypes.CDLL(None).abort()", "SIGABRT", {}},
    {"FatalPythonError", "ctypes.pythonapi.Py_FatalError(b'mine')", "SIGABRT", {}},
    {"SegvWithFaulthandlerOnStderr", "faulthandler.enable(2); ctypes.string_at(0)", "SIGSEGV", {}},
    {"SegvInAThread",
     "t = threading.Thread(target=ctypes.string_at, args=(0,)); t.start(); t.join()",
     "SIGSEGV",
     {},
     "string_at"},
    {"KillOfItself", "os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL", {}, ""},
    {"StackOverflowInC", "faulthandler._stack_overflow()", "SIGSEGV", {}},
    {"UnderscoreExit", "os._exit(5)", {}, 5},
    {"UnderscoreExitWithZero", "os._exit(0)", {}, 0},
    {"UnderscoreExitOfAThread",
     "threading.Thread(target=os._exit, args=(9,)).start(); time.sleep(60)",
     {},
     9,
     ""},
    {"ExitOfC", "ctypes.CDLL(None).exit(7)", {}, 7, ""},
    {"DescriptorsOfTheServer", "os.closerange(3, 9999); time.sleep(60)", "SIGKILL", {}, ""},
};

INSTANTIATE_TEST_SUITE_P(Crashes, SurviveCrashTest, ::testing::ValuesIn(kCrashes), CaseName{});

TEST(SurviveCrashTest, ADeepRecursionInCIsOne) {
  ServerProcess server(surviving());
  if (server.execute("import sys\nkept = 'kept'\nsys.version_info >= (3, 12)").value() == true) {
    GTEST_SKIP() << "this Python counts its C stack";
  }
  const Execution lost = server.execute(
      "sys.setrecursionlimit(1 << 30)\nx = []\nfor _ in range(300_000): x = [x]\nrepr(x)");
  EXPECT_EQ(lost.reason(), "crash") << lost;
  EXPECT_EQ(lost.terminal.value("signal", ""), "SIGSEGV");
  EXPECT_EQ(server.execute("kept").value(), "kept");
}

TEST(SurviveCrashTest, RestoredTellsWhichInterpreterThereIsBeforeTheExecutionEnds) {
  ServerProcess server(surviving());
  const Execution lost =
      server.execute("import os, signal\nos.kill(os.getpid(), 11)", {{"id", "lost"}});
  ASSERT_GE(lost.frames.size(), 2U);
  const Json& restored = lost.frames[lost.frames.size() - 2];
  ASSERT_EQ(restored["type"], "restored") << lost;
  EXPECT_EQ(restored["execution_id"], "lost");
  EXPECT_EQ(restored["cause"], "crash");
  EXPECT_EQ(restored["signal"], "SIGSEGV");
  EXPECT_FALSE(restored.contains("exit_status"));
  EXPECT_EQ(restored["lost_threads"], Json::array());
  EXPECT_TRUE(restored["checkpoint_id"].is_string()) << restored;
  EXPECT_NE(restored["pid"], server.ready()["python"]["pid"]);
  EXPECT_EQ(server.execute("import os\nos.getpid()").value(), restored["pid"]);
}

TEST(SurviveCrashTest, TheErrorHoldsThePythonStackAsTextAndAsFrames) {
  ServerProcess server(surviving());
  const Execution lost = server.execute(
      "import ctypes\ndef inner():\n    ctypes.string_at(0)\ndef outer():\n    inner()\nouter()",
      {{"filename", "mine.py"}});
  const Json frames = lost.terminal["frames"];
  std::vector<std::string> functions;
  for (const Json& frame : frames) functions.push_back(frame["function"]);
  EXPECT_NE(std::ranges::find(functions, "inner"), functions.end()) << frames;
  EXPECT_NE(std::ranges::find(functions, "outer"), functions.end()) << frames;
  bool found = false;
  for (const Json& frame : frames) {
    if (frame["function"] != "inner") continue;
    found = true;
    EXPECT_EQ(frame["filename"], "mine.py");
    EXPECT_EQ(frame["line"], 3);
  }
  EXPECT_TRUE(found);
  EXPECT_NE(lost.terminal["exception_message"].get<std::string>().find("SIGSEGV"),
            std::string::npos);
  EXPECT_EQ(lost.exception(), "InterpreterDied");
  EXPECT_GE(lost.terminal["execution_time"], 0);
}

TEST(SurviveCrashTest, AKillFromOutsideIsTold) {
  ServerProcess server(surviving());
  server.execute("kept = 1");
  const Json id = server.start("import time\nprint('on')\ntime.sleep(60)");
  server.read_line();
  ::kill(first_interpreter(server), SIGKILL);
  const Execution lost = server.finish(id);
  EXPECT_EQ(lost.reason(), "crash");
  EXPECT_EQ(lost.terminal.value("signal", ""), "SIGKILL") << lost;
  EXPECT_EQ(lost.terminal["exception_message"].get<std::string>().find("memory"), std::string::npos)
      << "it was not the system, for want of memory";
  EXPECT_EQ(server.execute("kept").value(), 1);
}

TEST(SurviveCrashTest, AtRestNoExecutionIsLost) {
  ServerProcess server(surviving());
  server.execute("kept = 1");
  server.execute("'by now there is a snapshot of it'");
  const Json restored = kill_at_rest(server, first_interpreter(server));
  EXPECT_EQ(restored["execution_id"], nullptr);
  EXPECT_EQ(restored["cause"], "crash");
  EXPECT_EQ(restored["signal"], "SIGKILL");
  EXPECT_TRUE(restored["checkpoint_id"].is_string());
  EXPECT_EQ(server.execute("kept").value(), 1);
}

TEST(SurviveCrashTest, AllThatWasPrintedIsDelivered) {
  ServerProcess server(surviving());
  const Execution lost = server.execute(R"(
import ctypes, os, sys, subprocess
for n in range(10_000): print('line', n)
size = os.write(1, b'by descriptor\n')
done = subprocess.run(['echo', 'by a child'])
print('to stderr', file=sys.stderr)
print('no newline', end='')
ctypes.string_at(0))");
  std::string expected;
  for (int n = 0; n < 10'000; ++n) expected += "line " + std::to_string(n) + "\n";
  EXPECT_EQ(lost.out, expected + "by descriptor\nby a child\nno newline");
  EXPECT_EQ(lost.err, "to stderr\n");
}

// The client takes nothing while the flood stands still, and goes on taking once it is dead.
TEST(SurviveCrashTest, WithTheClientsPipeFullNothingIsLostNorTorn) {
  for (const char* end : {"ctypes.string_at(0)", "os._exit(3)", "os.kill(os.getpid(), 9)"}) {
    ServerProcess server(surviving());
    server.execute("import ctypes, os, threading, time\nkept = 1\ndef die(): " + std::string(end));
    const Json id = server.start(
        "t = threading.Timer(0.3, die)\nt.start()\nn = 0\n"
        "while True:\n    print('line', n)\n    n += 1");
    const Execution lost = server.finish(id);
    ASSERT_EQ(lost.reason(), "crash") << end;
    std::istringstream lines(lost.out);
    int expected = 0;
    for (std::string line; std::getline(lines, line); ++expected) {
      if (line != "line " + std::to_string(expected)) {
        EXPECT_TRUE(lines.eof()) << line << " where " << expected << " is next";
        break;
      }
    }
    EXPECT_GT(expected, 100);
    EXPECT_EQ(server.execute("kept").value(), 1) << end;
  }
}

TEST(SurviveCrashTest, TheQueueGoesOnInOrder) {
  ServerProcess server(surviving());
  std::vector<Json> ids;
  ids.push_back(server.start("import os\ndone = []"));
  for (int n = 0; n < 12; ++n) {
    ids.push_back(server.start(n % 4 == 2 ? "done.append('never')\nos._exit(1)"
                                          : "done.append(" + std::to_string(n) + ")"));
  }
  const Json last = server.start("done");
  std::vector<Json> ends;
  for (const Json& id : ids) ends.push_back(server.finish(id).terminal);
  for (std::size_t n = 0; n < ids.size(); ++n) {
    EXPECT_EQ(ends[n]["type"], n % 4 == 3 ? "error" : "result") << ends[n];
    EXPECT_EQ(ends[n]["execution_count"], n + 1);
  }
  EXPECT_EQ(server.finish(last).value(), Json({0, 1, 3, 4, 5, 7, 8, 9, 11}));
}

TEST(SurviveCrashTest, StopOnErrorCountsItAsOne) {
  ServerProcess server(surviving());
  const Json crash =
      server.start("import os, time\ntime.sleep(0.2)\nos._exit(1)", {{"stop_on_error", true}});
  const Json queued = server.start("1");
  EXPECT_EQ(server.finish(crash).reason(), "crash");
  EXPECT_EQ(server.finish(queued).reason(), "aborted");
}

TEST(SurviveCrashTest, OutOfMemoryUnderALimitOfTheSystem) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server
                  .execute("import ctypes, resource\nsize = int(open('/proc/self/statm').read()"
                           ".split()[0]) * 4096\nresource.setrlimit(resource.RLIMIT_AS, "
                           "(size + (100 << 20),) * 2)\nkept = 'kept'")
                  .ok());
  const Execution raised = server.execute("x = []\nwhile True: x.append(bytearray(1 << 16))");
  EXPECT_EQ(raised.reason(), "memory") << raised;
  EXPECT_EQ(server.execute("x = None\nkept").value(), "kept");
  const Execution crashed = server.execute(
      "c = ctypes.CDLL(None)\nc.malloc.restype = ctypes.c_void_p\n"
      "while True: ctypes.memset(c.malloc(1 << 20), 1, 1 << 20)");
  EXPECT_EQ(crashed.reason(), "crash") << crashed;
  EXPECT_EQ(server.execute("kept").value(), "kept");
}

TEST(SurviveCrashTest, WhileAResetIsUnderWayTheResetIsRefused) {
  ServerProcess server(surviving());
  server.execute("import os, weakref\nkept = {1}\nend = weakref.finalize(kept, os._exit, 1)");
  server.execute("1");
  const Json reply = request(server, {{"type", "reset"}});
  EXPECT_EQ(reply["type"], "protocol_error") << reply;
  EXPECT_EQ(server.execute("kept == {1}").value(), true);
}

TEST(SurviveCrashTest, AnInquiryOnItsWayIsAnswered) {
  ServerProcess server(surviving());
  server.execute("import os, time\nkept = 1");
  const Json id = server.start("print('on')\nn = 10**9\nwhile n: n -= 1");
  server.read_line();
  server.send({{"type", "complete"}, {"id", "complete"}, {"code", "ke"}});
  ::kill(first_interpreter(server), SIGKILL);
  server.read_until("complete_reply");
  EXPECT_EQ(server.finish(id).reason(), "crash");
  EXPECT_EQ(request(server, {{"type", "complete"}, {"code", "kep"}})["matches"], Json({"kept"}));
}

TEST(SurviveCrashTest, TheFramesAreThoseOfTheThreadThatCrashed) {
  for (const char* end : {"doomed()", "t = threading.Thread(target=doomed); t.start(); t.join()"}) {
    ServerProcess server(surviving());
    server.execute(
        "import ctypes, threading, time\ndef other(): time.sleep(600)\n"
        "def doomed(): ctypes.string_at(0)\n"
        "threading.Thread(target=other, daemon=True).start()");
    std::vector<Json> functions;
    const Execution lost = server.execute(std::string(end) + "\nother()");
    for (const Json& frame : lost.terminal["frames"]) functions.push_back(frame["function"]);
    EXPECT_EQ(std::ranges::count(functions, "doomed"), 1) << lost;
    EXPECT_EQ(std::ranges::count(functions, "other"), 0) << lost;
  }
}

TEST(SurviveCrashTest, AFatalErrorOfPythonsTellsItsPlaceAndWhy) {
  ServerProcess server(surviving());
  const Execution lost = server.execute(
      "import ctypes, os\ndef doomed(): ctypes.pythonapi.Py_FatalError(b'mine')\ndoomed()");
  EXPECT_NE(lost.terminal["traceback"].get<std::string>().find("mine"), std::string::npos) << lost;
  ASSERT_FALSE(lost.terminal["frames"].empty()) << lost;
  EXPECT_EQ(lost.terminal["frames"].back()["function"], "doomed");
  // It is told once.
  const Execution next = server.execute("import os\nos.kill(os.getpid(), 9)");
  EXPECT_EQ(next.terminal["traceback"], "") << next;
}

// More than one read of its socket brings.
TEST(SurviveCrashTest, AllThatItSaidLastIsTold) {
  ServerProcess server(surviving());
  server.execute("import os");
  for (int round = 0; round < 10; ++round) {
    const Execution execution = server.execute(
        "for i in range(4): display({'text/plain': str(i) + 'x' * 45000}, raw=True)\n"
        "os.kill(os.getpid(), 9)");
    std::string seen;
    for (const Json& frame : execution.frames) {
      if (frame["type"] == "display") seen += frame["data"]["text/plain"].get<std::string>()[0];
    }
    EXPECT_EQ(seen, "0123");
  }
}

}  // namespace
}  // namespace replwire_tests
