// PyOS_InputHook: windows of GUI toolkits live while the session is idle.
#include <gtest/gtest.h>

#include "support/server_process.h"

namespace replwire_tests {
namespace {

// Sets a hook that does what `body` says; `calls` counts.
void set_hook(ServerProcess& server, const std::string& body) {
  const Execution set = server.execute(
      "import ctypes, threading, time\ncalls = 0\ndef serve():\n    global calls\n    calls += "
      "1\n" +
      body +
      "    return 0\nhook = ctypes.CFUNCTYPE(ctypes.c_int)(serve)\n"
      "slot = ctypes.c_void_p.in_dll(ctypes.pythonapi, 'PyOS_InputHook')\n"
      "slot.value = ctypes.cast(hook, ctypes.c_void_p).value");
  ASSERT_TRUE(set.ok()) << set;
}

TEST(InputHookTest, IsServedAgainAndAgainWhileTheSessionIsIdle) {
  ServerProcess server;
  set_hook(server, "    if calls == 20: print(threading.current_thread().name)\n");
  const Json output = server.read_output();
  EXPECT_EQ(output["data"], "MainThread\n");
  EXPECT_EQ(output["execution_id"], nullptr);
  EXPECT_EQ(server.execute("1 + 1").value(), 2);
}

TEST(InputHookTest, IsNotCalledWhileCodeRuns) {
  ServerProcess server;
  set_hook(server, "");
  EXPECT_EQ(server.execute("before = calls\ntime.sleep(0.1)\ncalls - before").value(), 0);
}

TEST(InputHookTest, TasksGoOnBesideIt) {
  ServerProcess server;
  set_hook(server, "");
  server.execute(
      "import asyncio\nasync def tick():\n    before = calls\n"
      "    while calls < before + 5: await asyncio.sleep(0.01)\n    print('both')\n"
      "await asyncio.sleep(0)\nt = asyncio.create_task(tick())");
  EXPECT_EQ(server.read_line(), "both\n");
}

TEST(InputHookTest, CodeInItCanBeInterrupted) {
  ServerProcess server;
  set_hook(server,
           "    if calls == 3:\n        print('spins')\n        try:\n            time.sleep(600)\n"
           "        except KeyboardInterrupt: print('ended')\n");
  server.read_line();
  EXPECT_EQ(server.interrupt(nullptr)["outcome"], "delivered");
  EXPECT_EQ(server.read_line(), "ended\n");
  EXPECT_EQ(server.execute("'alive'").value(), "alive");
}

}  // namespace
}  // namespace replwire_tests
