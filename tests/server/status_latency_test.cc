// That `status` is answered within 50 ms, and heartbeats come at their interval, whatever runs.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/case.h"
#include "support/server_process.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

using Seconds = std::chrono::duration<double>;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.at(values.size() / 2);
}

double seconds_to_reply(ServerProcess& server, bool stack) {
  const Clock::time_point sent = Clock::now();
  server.send({{"type", "status"}, {"id", "s"}, {"stack", stack}});
  server.read_until("status_reply");
  return Seconds(server.arrival() - sent).count();
}

struct State : Case {
  const char* code;  // prints when it is there; none: at rest
};

class StatusLatencyTest : public ::testing::TestWithParam<State> {};

// The median, since a loaded machine delays the test itself now and then.
TEST_P(StatusLatencyTest, IsWithinFiftyMilliseconds) {
  ServerProcess server;
  if (*GetParam().code != '\0') {
    server.start(GetParam().code);
    server.read_line();
  }
  for (const bool stack : {false, true}) {
    std::vector<double> times;
    for (int n = 0; n < 15; ++n) times.push_back(seconds_to_reply(server, stack));
    EXPECT_LE(median(times), 0.050) << (stack ? "with" : "without") << " a stack";
  }
}

const State kStates[] = {
    {"Rest", ""},
    {"Loop", "print('go')\nwhile True: pass"},
    {"Sleep", "import time\nprint('go')\ntime.sleep(600)"},
    {"Input", "print('go', flush=True)\ninput()"},
    {"CallThatHoldsTheInterpreter", "print('go')\nsum(range(10**11))"},
    {"SleepThatHoldsTheInterpreter",
     "import ctypes\nprint('go')\nwhile True: ctypes.PyDLL(None).usleep(600_000)"},
    {"SignalsBlocked",
     "import signal\nold = signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nprint('go')\n"
     "while True: pass"},
    {"SignalsBlockedInC",
     "import signal\nold = signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nprint('go')\n"
     "sum(range(10**11))"},
    {"DeepRecursion",
     "def f(n):\n    if n: f(n - 1)\n    else:\n        print('go')\n        while True: pass\n"
     "f(900)"},
    {"FloodOfPrints", "while True: print('go')"},
};

INSTANTIATE_TEST_SUITE_P(States, StatusLatencyTest, ::testing::ValuesIn(kStates), CaseName{});

class ManyChildrenTest : public ::testing::TestWithParam<bool> {};

TEST_P(ManyChildrenTest, AnInterruptHoldsUpNoStatus) {
  ServerProcess server(GetParam() ? surviving() : Launch{});
  server.start(
      "import signal, subprocess, time\n"
      "old = signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the children\n"
      "all = [subprocess.Popen(['sleep', '600']) for _ in range(1000)]\n"
      "signal.signal(signal.SIGINT, old)\nprint('go')\n"
      "while True:\n    try: time.sleep(600)\n    except KeyboardInterrupt: print('caught')");
  server.read_line();
  std::vector<double> times;
  for (int n = 0; n < 9; ++n) {
    server.send({{"type", "interrupt"}});
    times.push_back(seconds_to_reply(server, false));
    server.read_line();
  }
  EXPECT_LE(median(times), 0.050);
  server.send({{"type", "shutdown"}});  // which ends the children
  EXPECT_EQ(server.wait_exit(), 0);
}
INSTANTIATE_TEST_SUITE_P(Mode, ManyChildrenTest, ::testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Survive" : "OneProcess"; });

TEST(HeartbeatLatencyTest, TheIntervalIsKeptWhileCHoldsTheInterpreter) {
  ServerProcess server(options({"--heartbeat", "0.1"}));
  server.start("print('go')\nsum(range(10**11))");
  server.read_line();
  std::vector<Clock::time_point> arrivals;
  while (arrivals.size() < 12) {
    server.read_until("heartbeat");
    arrivals.push_back(server.arrival());
  }
  std::vector<double> gaps;
  for (std::size_t at = 1; at < arrivals.size(); ++at) {
    gaps.push_back(Seconds(arrivals[at] - arrivals[at - 1]).count());
  }
  EXPECT_NEAR(median(gaps), 0.1, 0.02);
  // Lateness does not add up.
  EXPECT_NEAR(Seconds(arrivals.back() - arrivals.front()).count(), 1.1, 0.1);
}

}  // namespace
}  // namespace replwire_tests
