// What asking for the stack does to the code that runs: nothing.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"
#include "support/stack.h"

namespace replwire_tests {
namespace {

// Code that has a thread ask, and goes on with what the answer sets free.
constexpr const char* kThreadThatAsks =
    "import threading, socket, os, queue, subprocess, time, signal\n"
    "def when_answered(act):\n"
    "    def run(): act(input())\n"
    "    threading.Thread(target=run).start()\n";

TEST(StatusEffectTest, AThousandDuringALoopAreAllAnsweredAndTheLoopNotDisturbed) {
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
  EXPECT_GT(had, 100);  // nearly all, but on a busy machine many of them come too late
  server.answer(request["id"], "enough");
  EXPECT_EQ(server.finish(id).value(), true);
}

TEST(StatusEffectTest, AThousandDuringAFloodOfPrintsAreAllAnsweredAndNoLineIsLost) {
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
TEST(StatusEffectTest, AskedForInTheMiddleOfCallsItDoesNoHarm) {
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

}  // namespace
}  // namespace replwire_tests
