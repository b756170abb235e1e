// That a print is seen soon, whatever the code does next.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

using Seconds = std::chrono::duration<double>;

// The code prints readings of CLOCK_MONOTONIC, which std::chrono::steady_clock reads as well.
std::vector<double> delays_of(ServerProcess& server, std::string_view code) {
  std::vector<double> delays;
  server.start(code);
  while (true) {
    const Json frame = server.read_frame();
    if (is_terminal(frame)) return delays;
    if (frame["type"] != "output") continue;
    double printed = 0;
    std::istringstream(frame["data"].get<std::string>()) >> printed;
    delays.push_back(Seconds(server.arrival().time_since_epoch()).count() - printed);
  }
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.at(values.size() / 2);
}

struct Pace : Case {
  const char* code;
};

class LatencyTest : public ::testing::TestWithParam<Pace> {};

// The median, since a loaded machine delays the test itself now and then.
TEST_P(LatencyTest, APrintIsSeenWithinTenMilliseconds) {
  ServerProcess server;
  const std::vector<double> delays = delays_of(server, GetParam().code);
  ASSERT_EQ(delays.size(), 30u);
  EXPECT_LE(median(delays), 0.010);
}

const Pace kPaces[] = {
    {"WithNewline",
     "import time\nfor _ in range(30):\n    print(time.monotonic())\n    time.sleep(0.04)"},
    {"WithoutNewline",
     "import time\nfor _ in range(30):\n    print(time.monotonic(), end=' ')\n    "
     "time.sleep(0.04)"},
    {"Flushed",
     "import time\nfor _ in range(30):\n    print(time.monotonic(), flush=True)\n"
     "    time.sleep(0.04)"},
    {"WhileCodeSpins",
     "import time\nfor _ in range(30):\n    now = time.monotonic()\n    print(now)\n"
     "    while time.monotonic() < now + 0.04: pass"},
    {"WhileCHoldsTheInterpreter",
     "import ctypes, time\nsleep = ctypes.PyDLL(None).usleep\nfor _ in range(30):\n"
     "    print(time.monotonic())\n    n = sleep(40_000)"},
};

INSTANTIATE_TEST_SUITE_P(Paces, LatencyTest, ::testing::ValuesIn(kPaces), CaseName{});

TEST(LatencyTest, TheFirstPrintOfManyIsSeenWhileTheOthersCome) {
  ServerProcess server;
  server.start("import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: print('x')");
  std::vector<Clock::time_point> arrivals;
  while (!is_terminal(server.read_frame())) arrivals.push_back(server.arrival());
  ASSERT_GT(arrivals.size(), 10u);
  std::vector<double> gaps;
  for (std::size_t at = 1; at < arrivals.size(); ++at) {
    gaps.push_back(Seconds(arrivals[at] - arrivals[at - 1]).count());
  }
  EXPECT_LE(median(gaps), 0.015);
}

}  // namespace
}  // namespace replwire_tests
