// `interrupt`: what it reaches, what it says, and what it leaves alone.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

struct Busy : Case {
  const char* code;  // prints once, then goes on for ever
};

class InterruptBusyTest : public ::testing::TestWithParam<Busy> {};

TEST_P(InterruptBusyTest, EndsWithKeyboardInterruptAndTheSessionLives) {
  ServerProcess server;
  for (int round = 0; round < 3; ++round) {
    const Json id = server.start(GetParam().code);
    server.read_line();
    server.send({{"type", "interrupt"}, {"id", 5}, {"execution_id", id}});
    const std::vector<Json> frames = server.read_until("interrupt_reply");
    for (const Json& frame : frames) EXPECT_FALSE(is_terminal(frame)) << "came before the reply";
    EXPECT_EQ(frames.back()["id"], 5);
    EXPECT_EQ(frames.back()["execution_id"], id);
    EXPECT_EQ(frames.back()["outcome"], "delivered");
    const Execution execution = server.finish(id);
    EXPECT_EQ(execution.reason(), "interrupt");
    EXPECT_EQ(execution.exception(), "KeyboardInterrupt");
    EXPECT_EQ(server.execute("'alive'").value(), "alive");
  }
}

const Busy kBusy[] = {
    {"Loop", "print('go')\nwhile True: pass"},
    {"Sleep", "import time\nprint('go')\ntime.sleep(600)"},
    {"Prints", "while True: print('go')"},
    {"Function", "def f():\n    while True: pass\nprint('go')\nf()"},
    {"Lock", "import threading\nl = threading.Lock()\nl.acquire()\nprint('go')\nl.acquire()"},
    {"CatchesExceptions",
     "import time\nprint('go')\nwhile True:\n    try: time.sleep(600)\n    except Exception: pass"},
};

// Where code blocks, or is busy, in C.
const Busy kBlocked[] = {
    {"Receive", "import socket\na, b = socket.socketpair()\nprint('go')\na.recv(1)"},
    {"Accept",
     "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint('go')\ns.accept()"},
    {"Select", "import select\nprint('go')\nselect.select([], [], [], 600)"},
    {"QueueGet", "import queue\nq = queue.Queue()\nprint('go')\nq.get()"},
    {"Condition", "import threading\nc = threading.Condition()\nprint('go')\nwith c: c.wait()"},
    {"Join",
     "import threading, time\nt = threading.Thread(target=time.sleep, args=(600,), daemon=True)\n"
     "t.start()\nprint('go')\nt.join()"},
    {"PopenWait",
     "import subprocess\np = subprocess.Popen(['sleep', '600'])\nprint('go')\np.wait()"},
    {"Communicate",
     "import subprocess\np = subprocess.Popen(['sleep', '600'], stdout=subprocess.PIPE)\n"
     "print('go')\np.communicate()"},
    {"System", "import os\nos.system('echo go; exec sleep 600')"},
    {"StandardInput", "import sys\nprint('go')\nsys.stdin.read()"},
    {"Password", "import getpass\nprint('go')\ngetpass.getpass()"},
    {"Repr", "print('go')\n[[float(n) for n in range(1000)]] * 10**7"},
    {"ReprOfItsOwn",
     "class Long:\n    def __repr__(self):\n        print('go')\n        while True: pass\nLong()"},
    {"RegularExpression", "import re\nprint('go')\nre.match('(a+)+$', 'a' * 60 + 'b')"},
    {"SortedByAKey", "print('go')\nsorted(range(10**6), key=lambda n: sum(range(1000)))"},
    {"Import",
     "import sys, tempfile\nfolder = tempfile.mkdtemp()\nsys.path.insert(0, folder)\n"
     "open(folder + '/slow_module.py', 'w').write('import time\\nwhile True: time.sleep(1)')\n"
     "print('go')\nimport slow_module"},
    {"Comprehension", "print('go')\n[n for n in iter(int, 1)]"},
    {"ContextManager",
     "import contextlib, time\n@contextlib.contextmanager\ndef held():\n    try: yield\n"
     "    finally: kept = 1\nprint('go')\nwith held(): time.sleep(600)"},
};

INSTANTIATE_TEST_SUITE_P(Blocked, InterruptBusyTest, ::testing::ValuesIn(kBlocked), CaseName{});
INSTANTIATE_TEST_SUITE_P(Codes, InterruptBusyTest, ::testing::ValuesIn(kBusy), CaseName{});

TEST(InterruptTest, VariablesBoundBeforeAreStillThere) {
  ServerProcess server;
  const Json id = server.start("kept = 'kept'\nprint('go')\nwhile True: pass");
  server.read_line();
  server.interrupt(id);
  server.finish(id);
  EXPECT_EQ(server.execute("kept").value(), "kept");
}

TEST(InterruptTest, UnaddressedMeansWhatRuns) {
  ServerProcess server;
  const Json id = server.start("print('go')\nwhile True: pass");
  server.read_line();
  const Json reply = server.interrupt(nullptr);
  EXPECT_EQ(reply["outcome"], "delivered");
  EXPECT_EQ(reply["execution_id"], id);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
}

TEST(InterruptTest, ItNeedsNoIdOfItsOwn) {
  ServerProcess server;
  server.send({{"type", "interrupt"}});
  const Json reply = server.read_frame();
  EXPECT_EQ(reply["type"], "interrupt_reply");
  EXPECT_EQ(reply["outcome"], "not_running");
  EXPECT_EQ(reply.value("id", Json()), nullptr);
}

TEST(InterruptTest, AtRestNothingHappens) {
  ServerProcess server;
  EXPECT_EQ(server.interrupt(nullptr)["outcome"], "not_running");
  EXPECT_EQ(server.execute("sum(range(1000))").value(), 499500);
}

TEST(InterruptTest, OneThatIsOverIsNotRunning) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("1", {{"id", "over"}}).ok());
  EXPECT_EQ(server.interrupt("over")["outcome"], "not_running");
  EXPECT_EQ(server.interrupt("never heard of")["outcome"], "not_running");
  EXPECT_EQ(server.execute("2").value(), 2);
}

TEST(InterruptTest, OfAnotherDoesNotReachTheRunningOne) {
  ServerProcess server;
  const Json id = server.start("input()");
  const Json request = server.await_input();
  EXPECT_EQ(server.interrupt("another")["outcome"], "not_running");
  server.answer(request["id"], "undisturbed");
  EXPECT_EQ(server.finish(id).value(), "undisturbed");
}

TEST(InterruptTest, OneThatIsCaughtIsCounted) {
  ServerProcess server;
  const Json id = server.start(
      "caught = 0\nwhile caught < 2:\n    try: input()\n    except KeyboardInterrupt: caught += 1\n"
      "caught");
  for (int n = 0; n < 2; ++n) {
    server.await_input();
    EXPECT_EQ(server.interrupt(id)["outcome"], "delivered");
    server.read_until("input_closed");
  }
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.value(), 2) << execution;
  EXPECT_EQ(execution.terminal["interrupts"], 2) << execution;
}

TEST(InterruptTest, ResultOfAnUndisturbedOneCountsNone) {
  ServerProcess server;
  const Execution execution = server.execute("1");
  EXPECT_TRUE(!execution.terminal.contains("interrupts") || execution.terminal["interrupts"] == 0);
}

// 1,000, or what REPLWIRE_RACES says.
int rounds() {
  const char* text = std::getenv("REPLWIRE_RACES");
  return text != nullptr ? std::stoi(text) : 1000;
}

struct Racer : Case {
  const char* code;       // {} stands for how much it does
  const char* exception;  // when it is not interrupted
};

class RaceTest : public ::testing::TestWithParam<Racer> {
 protected:
  Json start_target(int round) {
    std::string code = GetParam().code;
    code.replace(code.find("{}"), 2, std::to_string(round % 300 * 20));
    return server_.start(code);
  }
  ServerProcess server_;
};

// The interrupt meets its execution before, in the middle of or after its end, the report on it
// included; whichever it is, the one behind must not notice, and the target ends as it would have,
// or interrupted.
TEST_P(RaceTest, TheEndIsTheTargetsOwnAndTheNextIsNotHit) {
  for (int round = 0; round < rounds(); ++round) {
    const Json target = start_target(round);
    if (round % 2 == 1) server_.send({{"type", "status"}, {"id", round}});
    server_.send({{"type", "interrupt"}, {"id", round}, {"execution_id", target}});
    const Json next = server_.start("sum(range(1000))");
    const Execution bystander = server_.finish(next);
    ASSERT_EQ(bystander.value(), 499500) << bystander << server_.describe();
    ASSERT_FALSE(bystander.terminal.contains("interrupts"));
    const Execution hit = server_.finish(target);
    if (hit.reason() != "interrupt") {
      ASSERT_EQ(hit.exception(), GetParam().exception) << hit;
    }
  }
}

// Nothing may be left over that a session at rest, or what it does much later, meets.
TEST_P(RaceTest, NothingIsLeftForTheIdleServer) {
  for (int round = 0; round < rounds() / 4; ++round) {
    const Json target = start_target(round);
    server_.send({{"type", "interrupt"}, {"id", round}, {"execution_id", target}});
    server_.finish(target);
    ASSERT_EQ(server_.status()["state"], "idle");
    ASSERT_EQ(server_.execute("sum(range(1000))").value(), 499500);
  }
  EXPECT_EQ(output_text(server_.frames_before_status(), "stderr"), "");
}

const Racer kRacers[] = {
    {"Value", "sum(range({}))", "no exception"},
    {"Print", "for i in range({} // 20): print(i)", "no exception"},
    {"Error", "sum(range({}))\n1/0", "ZeroDivisionError"},
    {"Repr", "list(range({} // 10))", "no exception"},
    {"SyntaxError", "x = [0] * {}\nx = (", "SyntaxError"},
};
INSTANTIATE_TEST_SUITE_P(Codes, RaceTest, ::testing::ValuesIn(kRacers), CaseName{});

TEST(InterruptTest, MeetsAnInputAtAnyMoment) {
  ServerProcess server;
  for (int round = 0; round < 300; ++round) {
    const Json id = server.start("input()");
    if (round % 2 == 0) server.await_input();
    EXPECT_EQ(server.interrupt(id)["outcome"], "delivered");
    ASSERT_EQ(server.finish(id).reason(), "interrupt");
  }
}

TEST(InterruptTest, TheUsersOwnHandlerIsRespected) {
  ServerProcess server;
  const Json id = server.start(
      "import signal, time\n"
      "def handler(number, frame): raise TimeoutError('handled')\n"
      "old = signal.signal(signal.SIGINT, handler)\nprint('go')\ntime.sleep(600)");
  server.read_line();
  EXPECT_EQ(server.interrupt(id)["outcome"], "delivered");
  EXPECT_EQ(server.finish(id).exception(), "TimeoutError");
}

TEST(InterruptTest, TheDefaultActionIsNoCrash) {
  ServerProcess server;
  const Json id = server.start(
      "import signal, time\nold = signal.signal(signal.SIGINT, signal.SIG_DFL)\nprint('go')\n"
      "time.sleep(0.5)");
  server.read_line();
  server.interrupt(id);
  server.close_stdin();
  // Whether the session outlives what its user asked for is not promised.
  const int status = server.wait_exit();
  EXPECT_TRUE(status == 0 || status == -SIGINT) << status;
}

TEST(InterruptTest, IsAnsweredWhileCodeHoldsTheInterpreter) {
  ServerProcess server;
  const Json id = server.start(
      "import "
      "ctypes\nprint('go')\nctypes.PyDLL(None).usleep(500_000)\nctypes.PyDLL(None).usleep(1)");
  server.read_line();
  server.send({{"type", "interrupt"}, {"execution_id", id}});
  EXPECT_EQ(server.read_frame()["outcome"], "delivered");
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
}

TEST(InterruptTest, SigintDoesTheSame) {
  ServerProcess server;
  const Json id = server.start("print('go')\nwhile True: pass");
  server.read_line();
  server.signal(SIGINT);
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.reason(), "interrupt");
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(InterruptTest, SigintReachesAWaitingInput) {
  ServerProcess server;
  const Json id = server.start("input()");
  server.await_input();
  server.signal(SIGINT);
  EXPECT_EQ(server.read_until("input_closed").back()["reason"], "interrupt");
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
  EXPECT_EQ(server.ask("input()", "alive").value(), "alive");
}

TEST(InterruptTest, SigintAtRestDoesNothing) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("1").ok());
  for (int n = 0; n < 100; ++n) {
    server.signal(SIGINT);
    // Sent at rest, it must not be met by an execution that begins right behind it.
    ASSERT_EQ(server.execute("sum(range(1000))").exception(), "no exception");
  }
}

}  // namespace
}  // namespace replwire_tests
