// An event loop that user code has broken is remade, or the execution ends in an error: nothing
// hangs, nothing spins.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

struct Broken : Case {
  const char* code;
};

const Broken kBroken[] = {
    {"DescriptorsClosed", "import os\nos.closerange(3, 256)"},
    {"DescriptorsTaken",
     "import os\nos.closerange(3, 256)\nfiles = [open('/dev/zero') for _ in range(8)]"},
    {"SelectorClosed", "loop._selector.close()"},
    {"EndsClosed", "loop._csock.close()\nloop._ssock.close()"},
    {"NumbersOfItsEndsClosed",
     "import os\nos.close(loop._csock.fileno())\nos.close(loop._ssock.fileno())"},
    {"ClockStopped", "import time\nreal = time.monotonic\ntime.monotonic = lambda: 0"},
    {"ClockRaises", "import time\nreal = time.monotonic\ntime.monotonic = lambda: 1/0"},
};

class BrokenLoopTest : public ::testing::TestWithParam<Broken> {};

void goes_on(ServerProcess& server) {
  EXPECT_EQ(server.execute("await asyncio.sleep(0.01, 5)").value(), 5) << server.describe();
  EXPECT_EQ(server.execute("await asyncio.to_thread(lambda: 6)").value(), 6) << server.describe();
  EXPECT_EQ(server.execute("t.done()").value(), false);
  const Json id = server.start("print('go')\nawait asyncio.sleep(60)");
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).exception(), "KeyboardInterrupt");
  EXPECT_EQ(server.frames_before_status().size(), 0U) << server.describe();
  server.execute("t.cancel()");
  EXPECT_EQ(server.execute("await asyncio.sleep(0)\nt.done()").value(), true);
}

constexpr const char* kStart =
    "import asyncio\nawait asyncio.sleep(0)\nloop = asyncio.get_event_loop()\n"
    "t = asyncio.create_task(asyncio.sleep(600))\nawait asyncio.sleep(0)";

TEST_P(BrokenLoopTest, IsRemadeAtRest) {
  for (const Launch& launch : {Launch{}, surviving()}) {
    ServerProcess server(launch);
    server.execute(kStart);
    EXPECT_TRUE(server.execute(GetParam().code).ok()) << server.describe();
    goes_on(server);
  }
}

TEST_P(BrokenLoopTest, IsRemadeWhileCodeAwaits) {
  ServerProcess server;
  server.execute(kStart);
  EXPECT_EQ(server.execute(std::string(GetParam().code) + "\nawait asyncio.sleep(0.01, 4)").value(),
            4)
      << server.describe();
  goes_on(server);
}

TEST_P(BrokenLoopTest, IsRemadeWhenATaskBreaksIt) {
  ServerProcess server;
  server.execute(kStart);
  server.execute(
      "async def break_it():\n    global real, files\n    await asyncio.sleep(0.01)\n    exec(" +
      Json(GetParam().code).dump() +
      ", globals())\n    print('broken')\nb = asyncio.create_task(break_it())\nawait "
      "asyncio.sleep(0)");
  server.read_line();
  goes_on(server);
}

INSTANTIATE_TEST_SUITE_P(Ways, BrokenLoopTest, ::testing::ValuesIn(kBroken), CaseName{});

TEST(BrokenLoopTest, OneThatCannotBeMendedIsReplaced) {
  ServerProcess server;
  server.execute(kStart);
  EXPECT_EQ(server.execute("loop._run_once = lambda: 1/0\nawait asyncio.sleep(1)").exception(),
            "ZeroDivisionError")
      << server.describe();
  EXPECT_EQ(server.execute("await asyncio.sleep(0.01, 5)").value(), 5) << server.describe();
}

TEST(BrokenLoopTest, OneThatCannotBeMendedIsReplacedAtRest) {
  ServerProcess server;
  server.execute(kStart);
  server.execute("t2 = asyncio.create_task(asyncio.sleep(0))\nloop._run_once = lambda: 1/0");
  EXPECT_EQ(server.execute("await asyncio.sleep(0.01, 5)").value(), 5) << server.describe();
  EXPECT_LT(server.frames_before_status().size(), 5U);
}

// An interrupt before the code has begun, while asyncio is still being imported.
TEST(FirstAwaitTest, AnInterruptHasATraceback) {
  for (int n = 0; n < 10; ++n) {
    ServerProcess server;
    const Json id = server.start("import asyncio\nawait asyncio.sleep(60)");
    server.interrupt(id);
    const Execution execution = server.finish(id);
    EXPECT_EQ(execution.exception(), "KeyboardInterrupt");
    EXPECT_FALSE(execution.terminal["frames"].empty()) << server.describe();
    EXPECT_NE(execution.terminal["traceback"], "");
  }
}

TEST(ContextTest, TokensAreGoodInLaterExecutions) {
  for (const Launch& launch : {Launch{}, surviving()}) {
    ServerProcess server(launch);
    const std::vector<std::string> sets = {"token = v.set(1)",
                                           "token = v.set(1)\nawait asyncio.sleep(0)",
                                           "await asyncio.sleep(0)\ntoken = v.set(1)"};
    server.execute("import asyncio, contextvars\nv = contextvars.ContextVar('v', default=0)");
    for (const std::string& set : sets) {
      for (const std::string reset :
           {"v.reset(token)\nv.get()", "v.reset(token)\nawait asyncio.sleep(0)\nv.get()",
            "await asyncio.sleep(0)\nv.reset(token)\nv.get()"}) {
        EXPECT_EQ(server.execute(set + "\nv.get()").value(), 1) << server.describe();
        EXPECT_EQ(server.execute("v.get()").value(), 1) << server.describe();
        EXPECT_EQ(server.execute(reset).value(), 0) << server.describe();
      }
    }
  }
}

// A loop that is none of asyncio's.
TEST(OwnLoopTest, ThatOfUvloopIsUsed) {
  ServerProcess server;
  if (!server.execute("import uvloop").ok()) GTEST_SKIP() << "this Python has no uvloop";
  server.execute("import asyncio\nasyncio.set_event_loop(uvloop.new_event_loop())");
  EXPECT_EQ(
      server.execute("await asyncio.sleep(0.01)\ntype(asyncio.get_running_loop()) is uvloop.Loop")
          .value(),
      true)
      << server.describe();
  for (const char* code : {"print('go')\nawait asyncio.sleep(60)",
                           "await asyncio.sleep(0)\nprint('go')\nwhile True: pass"}) {
    const Json id = server.start(code);
    server.read_line();
    server.interrupt(id);
    EXPECT_EQ(server.finish(id).exception(), "KeyboardInterrupt") << server.describe();
  }
  EXPECT_EQ(server.execute("await asyncio.sleep(0, 5)").value(), 5) << server.describe();
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0) << server.describe();
}

TEST(OwnLoopTest, OneThatIsMadeTheCurrentOneLaterIsUsed) {
  ServerProcess server;
  server.execute("import asyncio\nawait asyncio.sleep(0)");
  server.execute("mine = asyncio.new_event_loop()\nasyncio.set_event_loop(mine)");
  EXPECT_EQ(server.execute("await asyncio.sleep(0)\nasyncio.get_running_loop() is mine").value(),
            true)
      << server.describe();
}

}  // namespace
}  // namespace replwire_tests
