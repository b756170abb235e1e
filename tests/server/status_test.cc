// `status`: what it tells of the session, and where the Python code stands.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

void ask_for_stack(ServerProcess& server, const Json& id = "stack") {
  server.send({{"type", "status"}, {"id", id}, {"stack", true}});
}

Json status_asked_once(ServerProcess& server) {
  ask_for_stack(server);
  return server.read_until("status_reply").back();
}

// On a loaded machine the worker may not get to run within the time limit.
Json status_with_stack(ServerProcess& server) {
  for (const Clock::time_point deadline = Clock::now() + kPatience;;) {
    Json status = status_asked_once(server);
    if (status.contains("stack") || Clock::now() > deadline) return status;
  }
}

Json entry(std::string_view filename, int line, std::string_view function) {
  return {{"filename", filename}, {"line", line}, {"function", function}};
}

void expect_unavailable(const Json& status) {
  EXPECT_FALSE(status.contains("stack")) << status;
  ASSERT_TRUE(status.contains("stack_unavailable")) << status;
  EXPECT_GT(status["stack_unavailable"].get<std::string>().size(), 10u) << status;
}

// Code that has a thread ask, and goes on with what the answer sets free.
constexpr const char* kThreadThatAsks =
    "import threading, socket, os, queue, subprocess, time, signal\n"
    "def when_answered(act):\n"
    "    def run(): act(input())\n"
    "    threading.Thread(target=run).start()\n";

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
  server.read_until("output");
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

// ---- what it leaves alone -------------------------------------------------------------------

TEST(StatusTest, AThousandDuringALoopAreAllAnsweredAndTheLoopNotDisturbed) {
  ServerProcess server;
  const Json id = server.start(
      "def f(n): return n\nstop = []\nimport threading\n"
      "threading.Thread(target=lambda: stop.append(input())).start()\n"
      "total = expected = 0\n"
      "while not stop:\n    for n in range(1000): total += f(n)\n    expected += 499500\n"
      "total == expected");
  const Json request = server.await_input();
  int had = 0;
  for (int n = 0; n < 500; ++n) ask_for_stack(server, n);
  for (int n = 0; n < 1000; ++n) {
    if (n >= 500) ask_for_stack(server, n);
    const Json status = server.read_frame();
    ASSERT_EQ(status["id"], n);
    ASSERT_NE(status.contains("stack"), status.contains("stack_unavailable")) << status;
    had += status.contains("stack") ? 1 : 0;
  }
  EXPECT_GT(had, 800);
  server.answer(request["id"], "enough");
  EXPECT_EQ(server.finish(id).value(), true);
}

TEST(StatusTest, AThousandDuringAFloodOfPrintsAreAllAnsweredAndNoLineIsLost) {
  ServerProcess server;
  const Json id = server.start(
      "stop = []\nimport threading\n"
      "threading.Thread(target=lambda: stop.append(input())).start()\n"
      "n = 0\nwhile not stop:\n    print(n)\n    n += 1\nn");
  const Json request = server.await_input();
  for (int n = 0; n < 1000; ++n) {
    const Json status = status_with_stack(server);
    ASSERT_TRUE(status.contains("stack")) << status;
  }
  server.answer(request["id"], "enough");
  const Execution execution = server.finish(id);
  ASSERT_TRUE(execution.ok()) << execution.terminal;
  std::string lines;
  for (int n = 0; n < execution.value(); ++n) lines += std::to_string(n) + "\n";
  EXPECT_TRUE(execution.out == lines);
}

// Python's list of frames is out of order for an instant in every call: a stack that is asked for
// then must not cost the session, nor the next one.
TEST(StatusTest, AskedForInTheMiddleOfCallsItDoesNoHarm) {
  ServerProcess server;
  const Json id = server.start(
      "import threading\nstop = []\n"
      "threading.Thread(target=lambda: stop.append(input())).start()\n"
      "while not stop:\n"
      "    exec(compile('def f(x): return [(lambda y: y + x)(i) for i in range(3)]\\nf(1)', 'f', "
      "'exec'), {})\n"
      "    r = sorted([3, 1, 2], key=lambda v: -v)\n"
      "r");
  const Json request = server.await_input();
  int had = 0;
  constexpr int kRounds = 5000;
  for (int n = 0; n < kRounds; ++n) had += status_asked_once(server).contains("stack") ? 1 : 0;
  EXPECT_GT(had, kRounds * 9 / 10);
  server.answer(request["id"], "enough");
  EXPECT_EQ(server.finish(id).value(), Json({3, 2, 1}));
}

struct Wait : Case {
  const char* code;  // goes on when the thread's input() is answered with "42"
};

class StatusWaitTest : public ::testing::TestWithParam<Wait> {};

TEST_P(StatusWaitTest, GoesOnUndisturbed) {
  ServerProcess server;
  const Json id = server.start(kThreadThatAsks + std::string(GetParam().code));
  const Json request = server.await_input();
  for (int n = 0; n < 200; ++n) {
    const Json status = status_with_stack(server);
    ASSERT_TRUE(status.contains("stack")) << status;
  }
  server.answer(request["id"], "42");
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.value(), "42") << execution;
}

const Wait kWaits[] = {
    {"SocketRecv",
     "a, b = socket.socketpair()\nwhen_answered(lambda s: b.send(s.encode()))\n"
     "a.recv(10).decode()"},
    {"SocketRecvWithTimeout",
     "a, b = socket.socketpair()\na.settimeout(600)\n"
     "when_answered(lambda s: b.send(s.encode()))\na.recv(10).decode()"},
    {"OsRead",
     "r, w = os.pipe()\nwhen_answered(lambda s: os.write(w, s.encode()))\n"
     "os.read(r, 10).decode()"},
    {"ReadInC",
     "import ctypes\nr, w = os.pipe()\nwhen_answered(lambda s: os.write(w, s.encode()))\n"
     "buffer = ctypes.create_string_buffer(10)\nn = ctypes.CDLL(None).read(r, buffer, 10)\n"
     "buffer.value.decode()"},
    {"Queue", "q = queue.Queue()\nwhen_answered(q.put)\nq.get()"},
    {"Event",
     "e = threading.Event()\ngot = []\nwhen_answered(lambda s: (got.append(s), e.set()))\n"
     "ok = e.wait(600)\ngot[0]"},
    {"Child",
     "p = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n"
     "when_answered(lambda s: (p.stdin.write(s), p.stdin.close()))\nn = p.wait(600)\n"
     "p.stdout.read()"},
    {"SleepOfItsWholeLength",
     "got = []\nt = threading.Thread(target=lambda: got.append(input()))\nt.start()\n"
     "start = time.monotonic()\ntime.sleep(0.4)\n"
     "slept = time.monotonic() - start\nt.join()\ngot[0] if slept >= 0.4 else slept"},
};

INSTANTIATE_TEST_SUITE_P(Waits, StatusWaitTest, ::testing::ValuesIn(kWaits), CaseName{});

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
