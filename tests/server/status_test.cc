// `status`: what it tells of the session, and where the Python code stands.
#include <gtest/gtest.h>
#include <signal.h>

#include "support/case.h"
#include "support/server_process.h"
#include "support/stack.h"

namespace replwire_tests {
namespace {

Json entry(std::string_view filename, int line, std::string_view function) {
  return {{"filename", filename}, {"line", line}, {"function", function}};
}

void expect_unavailable(const Json& status) {
  EXPECT_FALSE(status.contains("stack")) << status;
  ASSERT_TRUE(status.contains("stack_unavailable")) << status;
  EXPECT_GT(status["stack_unavailable"].get<std::string>().size(), 10u) << status;
}

// ---- the stack ------------------------------------------------------------------------------

struct Place : Case {
  const char* line;  // of a function `inner`; the first time it prints, then it stays there
};

class StatusStackTest : public ::testing::TestWithParam<Place> {};

TEST_P(StatusStackTest, NamesEachFunctionFileAndLineTheInnermostLast) {
  ServerProcess server;
  const std::string code =
      "import time, threading, re\nlock, pattern = threading.Lock(), re.compile('(a+)+b')\n"
      "def inner(n=0):\n    " +
      std::string(GetParam().line) + "\ndef outer():\n    inner()\n\nouter()";
  const Json id = server.start(code, {{"filename", "notes.py"}, {"first_line", 11}});
  server.read_line();
  const Json status = status_with_stack(server);
  EXPECT_EQ(status["stack"], Json({entry("notes.py", 18, "<module>"),
                                   entry("notes.py", 16, "outer"), entry("notes.py", 14, "inner")}))
      << status;
  EXPECT_FALSE(status.contains("stack_unavailable")) << status;
  EXPECT_EQ(status["state"], "busy");
  EXPECT_EQ(status["execution_id"], id);
}

const Place kPlaces[] = {
    {"Loop", "while True: n = n or print('go') or 1"},
    {"Sleep", "print('go'); time.sleep(600)"},
    {"Lock", "print('go'); lock.acquire(); lock.acquire()"},
    {"CallThatHoldsTheInterpreter", "print('go'); sum(range(10**11))"},
    {"RegularExpression", "print('go'); pattern.match('a' * 60)"},
    {"FloodOfPrints", "while True: print('go')"},
};

INSTANTIATE_TEST_SUITE_P(Places, StatusStackTest, ::testing::ValuesIn(kPlaces), CaseName{});

TEST(StatusTest, StackOfCodeThatWaitsForInput) {
  ServerProcess server;
  const Json id = server.start("def ask():\n    return input('? ')\nask()");
  server.await_input();
  const Json status = status_with_stack(server);
  EXPECT_EQ(status["state"], "waiting_for_input");
  EXPECT_EQ(status["stack"],
            Json({entry("<execution 1>", 3, "<module>"), entry("<execution 1>", 2, "ask")}));
  server.answer("undisturbed");
  EXPECT_EQ(server.finish(id).value(), "undisturbed");
}

TEST(StatusTest, StackOfAReadOfStdinHasTheUsersCodeOnly) {
  ServerProcess server;
  server.start("import sys\nsys.stdin.readline()");
  server.await_input();
  EXPECT_EQ(status_with_stack(server)["stack"], Json({entry("<execution 1>", 2, "<module>")}));
}

TEST(StatusTest, StackAtRestIsEmpty) {
  ServerProcess server;
  EXPECT_EQ(status_with_stack(server)["stack"], Json::array());
  server.execute("def f(): return 1\nf()");
  const Json status = status_with_stack(server);
  EXPECT_EQ(status["stack"], Json::array());
  EXPECT_EQ(status["state"], "idle");
}

TEST(StatusTest, NoStackUnlessItIsAskedFor) {
  ServerProcess server;
  for (const Json& stack : {Json(false), Json(nullptr)}) {
    server.send({{"type", "status"}, {"id", 1}, {"stack", stack}});
    const Json status = server.read_frame();
    EXPECT_EQ(status["type"], "status_reply");
    EXPECT_FALSE(status.contains("stack")) << status;
    EXPECT_FALSE(status.contains("stack_unavailable")) << status;
  }
}

TEST(StatusTest, StackIsTheWorkersWhateverOtherThreadsDo) {
  ServerProcess server;
  server.start(
      "import threading\ndef spin():\n    while True: pass\n"
      "threading.Thread(target=spin, daemon=True).start()\n"
      "input()");
  server.await_input();
  EXPECT_EQ(status_with_stack(server)["stack"], Json({entry("<execution 1>", 5, "<module>")}));
}

TEST(StatusTest, OfADeepRecursionTheInnermostFramesAreTold) {
  ServerProcess server;
  const auto most = server.ready()["limits"]["stack_frames"].get<std::size_t>();
  server.start("def f(n):\n    if n: f(n - 1)\n    else: input()\nf(500)");
  server.await_input();
  const Json stack = status_with_stack(server)["stack"];
  ASSERT_EQ(stack.size(), most);
  EXPECT_EQ(stack.back(), entry("<execution 1>", 3, "f"));
  EXPECT_EQ(stack.front(), entry("<execution 1>", 2, "f"));
}

TEST(StatusTest, NamesThatAreNotAsciiArriveAsTheyAre) {
  ServerProcess server;
  const std::string filename = "/tmp/\u00f1\u20ac\U0001f600 \"quoted\", line 7\nC:\\x41\\u.py";
  server.start("def gr\u00fc\u00df\u4f60(): input()\ngr\u00fc\u00df\u4f60()",
               {{"filename", filename}});
  server.await_input();
  EXPECT_EQ(status_with_stack(server)["stack"],
            Json({entry(filename, 2, "<module>"), entry(filename, 1, "gr\u00fc\u00df\u4f60")}));
}

TEST(StatusTest, OfALoneSurrogateItsBackslashForm) {
  ServerProcess server;
  server.start("exec(compile('input()', 'odd\\udc80.py', 'exec'))");
  server.await_input();
  EXPECT_EQ(status_with_stack(server)["stack"].back(), entry("odd\\udc80.py", 1, "<module>"));
}

// ---- when it cannot be had ------------------------------------------------------------------

TEST(StatusTest, CodeThatBlocksItsSignalsHasNoStack) {
  ServerProcess server;
  const Json id = server.start(
      "import signal\nold = signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ninput()\n"
      "old = signal.pthread_sigmask(signal.SIG_SETMASK, old)\ninput()");
  server.await_input();
  for (int n = 0; n < 3; ++n) expect_unavailable(status_asked_once(server));
  server.answer("");
  server.await_input();
  EXPECT_EQ(status_with_stack(server)["stack"], Json({entry("<execution 1>", 5, "<module>")}));
  server.answer("over");
  EXPECT_EQ(server.finish(id).value(), "over");
}

TEST(StatusTest, AStackThatIsNotToBeHadDelaysNoOtherRequest) {
  ServerProcess server;
  server.start(
      "import signal\nold = signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ninput()");
  server.await_input();
  ask_for_stack(server, "slow");
  server.send({{"type", "interrupt"}, {"execution_id", "nobody"}});
  server.send({{"type", "status"}, {"id", "quick"}});
  EXPECT_EQ(server.read_frame()["type"], "interrupt_reply");
  EXPECT_EQ(server.read_frame()["id"], "quick");
  const Json slow = server.read_frame();
  EXPECT_EQ(slow["id"], "slow");
  expect_unavailable(slow);
}

struct Meddling : Case {
  const char* code;
};

class StatusMeddlingTest : public ::testing::TestWithParam<Meddling> {};

TEST_P(StatusMeddlingTest, LosesTheStackAndNothingElse) {
  ServerProcess server;
  const Execution execution =
      server.execute("import signal, faulthandler, os\nnumber = signal.SIGRTMAX - 6\n" +
                     std::string(GetParam().code));
  ASSERT_TRUE(execution.ok()) << execution;
  for (int n = 0; n < 3; ++n) expect_unavailable(status_asked_once(server));
  EXPECT_EQ(server.execute("'alive'").value(), "alive");
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
}

const Meddling kMeddlings[] = {
    {"Default", "old = signal.signal(number, signal.SIG_DFL)"},
    {"Ignored", "old = signal.signal(number, signal.SIG_IGN)"},
    {"Handler", "old = signal.signal(number, lambda *_: 1 / 0)"},
    {"Elsewhere", "faulthandler.register(number, open(os.devnull, 'w'))"},
    {"Chained", "faulthandler.register(number, open(os.devnull, 'w'), chain=True)"},
    {"ClosedFile",
     "for fd in os.listdir('/proc/self/fd'):\n"
     "    try:\n"
     "        if 'replwire-stack' in os.readlink('/proc/self/fd/' + fd): os.close(int(fd))\n"
     "    except OSError: pass"},
};

INSTANTIATE_TEST_SUITE_P(Meddlings, StatusMeddlingTest, ::testing::ValuesIn(kMeddlings),
                         CaseName{});

TEST(StatusTest, TheSignalFromElsewhereDoesNothing) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import os, signal, time\nfor _ in range(100): os.kill(os.getpid(), signal.SIGRTMAX - 6)\n"
      "'alive'");
  EXPECT_EQ(execution.value(), "alive") << execution;
  EXPECT_EQ(status_with_stack(server)["stack"], Json::array());
}

TEST(StatusTest, AForkedChildIsNotHarmedByTheSignal) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import os, signal\npid = os.fork()\nif pid == 0:\n"
      "    os.kill(os.getpid(), signal.SIGRTMAX - 6)\n    os._exit(7)\n"
      "os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])");
  EXPECT_EQ(execution.value(), 7) << execution;
}

TEST(StatusTest, LastWordsStillTellWherePythonWas) {
  ServerProcess server;
  server.start("import os\ndef doomed():\n    input()\n    os.abort()\ndoomed()");
  server.await_input();
  status_with_stack(server);
  server.answer("");
  const Json fatal = server.read_until("fatal").back();
  EXPECT_EQ(fatal["signal"], "SIGABRT");
  EXPECT_NE(fatal["traceback"].get<std::string>().find("doomed"), std::string::npos) << fatal;
}

TEST(StatusTest, ACrashAmongManyIsStillToldAsWhatItIs) {
  for (const char* where : {"doomed()", "threading.Thread(target=doomed).start()\nspin()"}) {
    ServerProcess server;
    server.start(
        "import ctypes, threading\n"
        "def spin():\n    while True: sorted([2, 1], key=lambda v: v)\n"
        "def doomed():\n    input()\n    ctypes.string_at(0)\n" +
        std::string(where));
    const Json request = server.await_input();
    for (int n = 0; n < 50; ++n) ask_for_stack(server, n);
    server.answer(request["id"], "");
    const Json fatal = server.read_until("fatal").back();
    EXPECT_EQ(fatal["signal"], "SIGSEGV");
    EXPECT_NE(fatal["traceback"].get<std::string>().find("doomed"), std::string::npos) << fatal;
    EXPECT_EQ(server.wait_exit(), -SIGSEGV);
  }
}

// ---- in every state -------------------------------------------------------------------------

TEST(StatusTest, IsServedWhileAnInputWaitsThoughTooMuchIsQueued) {
  ServerProcess server(options({"--queue-bytes", "1"}));
  server.start("input()");
  server.await_input();
  server.start("1");
  const Json status = status_with_stack(server);
  EXPECT_EQ(status["queued"], 1);
  EXPECT_EQ(status["stack"], Json({entry("<execution 1>", 1, "<module>")}));
}

TEST(StatusTest, IsServedWhenTheReaderReadsOn) {
  ServerProcess server(options({"--queue-bytes", "1"}));
  const Json first = server.start("import time\ntime.sleep(0.2)");
  const Json second = server.start("2");
  const Json third = server.start("3");
  ask_for_stack(server);
  const std::vector<Json> frames = server.read_until("status_reply");
  EXPECT_TRUE(frames.back().contains("stack")) << frames.back();
  for (const Json& id : {first, second, third}) EXPECT_TRUE(server.finish(id).ok());
}

TEST(StatusTest, BeforeAShutdownItIsAnsweredBeforeTheLastFrame) {
  for (int round = 0; round < 20; ++round) {
    ServerProcess server;
    ask_for_stack(server);
    server.send({{"type", "shutdown"}, {"id", "bye"}});
    const std::vector<Json> frames = server.read_to_end();
    EXPECT_EQ(types_of(frames), (std::vector<std::string>{"status_reply", "shutdown_reply"}));
    EXPECT_TRUE(frames.front().contains("stack") || frames.front().contains("stack_unavailable"));
  }
}

TEST(StatusTest, BeforeTheEndOfInputItIsAnswered) {
  for (int round = 0; round < 20; ++round) {
    ServerProcess server;
    ask_for_stack(server);
    server.close_stdin();
    EXPECT_EQ(types_of(server.read_to_end()), std::vector<std::string>{"status_reply"});
    EXPECT_EQ(server.wait_exit(), 0);
  }
}

}  // namespace
}  // namespace replwire_tests
