// --survive: every way to die, in the midst of everything that an execution may be at.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

struct Stage : Case {
  const char* setup;
  const char* code;  // goes on for ever
};

class SurviveMatrixTest : public ::testing::TestWithParam<Stage> {};

constexpr const char* kDeaths =
    "import asyncio, ctypes, faulthandler, os, signal, threading, time\nkept = [1, 2]\n"
    "deaths = {'SIGSEGV': lambda: ctypes.string_at(0), 'SIGABRT': os.abort,\n"
    "    'exit': lambda: os._exit(3), 'overflow': faulthandler._stack_overflow,\n"
    "    'SIGKILL': lambda: os.kill(os.getpid(), 9)}\n"
    "def die_soon(how): threading.Timer(0.02, deaths[how]).start()\n";

// Nothing but the end of the process stops it then.
constexpr const char* kHang =
    "x = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n";

TEST_P(SurviveMatrixTest, CostsThatExecutionAndNothingElse) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute(kDeaths).ok());
  if (!server.execute(GetParam().setup).ok()) GTEST_SKIP() << "a library is missing";
  for (const char* how : {"SIGSEGV", "SIGABRT", "exit", "overflow", "SIGKILL", ""}) {
    const bool hangs = *how == '\0';
    const std::string first = std::string(hangs ? kHang : "") + "kept.append(3)\nprint('begun')\n";
    const std::string death = hangs ? "" : "die_soon('" + std::string(how) + "')\n";
    const Json id = server.start(first + death + GetParam().code);
    const Json queued = server.start("kept + ['queued']");
    if (hangs) {
      server.read_line();
      server.send({{"type", "interrupt"}, {"execution_id", id}, {"grace", 0.02}});
    }
    const Execution lost = server.finish(id);
    EXPECT_EQ(lost.reason(), hangs ? "interrupt" : "crash") << how << lost;
    EXPECT_EQ(lost.terminal.value("restored", false), true) << how << lost;
    EXPECT_TRUE(hangs || lost.out.starts_with("begun\n")) << how << lost;  // or it was read above
    EXPECT_EQ(server.finish(queued).value(), Json({1, 2, "queued"})) << how;
  }
}

const Stage kStages[] = {
    {"Running", "", "while True: pass"},
    {"Printing", "", "while True: print('x' * 999)"},
    {"Asking", "", "input()"},
    {"Awaiting",
     "async def tick():\n    while True: await asyncio.sleep(0.001)\n"
     "task = asyncio.create_task(tick())\nawait asyncio.sleep(0)",
     "await asyncio.sleep(600)"},
    {"WithNumpyAndPandas",
     "import numpy as np, pandas as pd\nm = np.ones((300, 300))\nm = m @ m / 300\n"
     "f = pd.DataFrame({'a': range(100)})",
     "while True: m = m @ m / 300; f.sum()"},
    {"WithThreads",
     "def work():\n    while True: time.sleep(0.001)\n"
     "for _ in range(4): threading.Thread(target=work, daemon=True).start()",
     "while True: time.sleep(0.001)"},
};

INSTANTIATE_TEST_SUITE_P(Stages, SurviveMatrixTest, ::testing::ValuesIn(kStages), CaseName{});

}  // namespace
}  // namespace replwire_tests
