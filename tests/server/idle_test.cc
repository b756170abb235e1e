// That a process at rest is never woken.
#include <gtest/gtest.h>

#include <filesystem>

#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

long switches_in(const std::string& status) {
  long sum = 0;
  for (const char* name : {"\nvoluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"}) {
    const auto at = status.find(name);
    if (at != status.npos) sum += std::stol(status.substr(at + std::string_view(name).size()));
  }
  return sum;
}

long context_switches(pid_t pid) {
  long sum = 0;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    sum += switches_in(read_text(task.path() / "status"));
  }
  return sum;
}

// The window itself is what is measured: nothing may happen in it.
void let_pass(Millis window) { wait_for(-1, 0, Clock::now() + window); }

void expect_rest(const ServerProcess& server) {
  let_pass(Millis(1000));
  const long before = context_switches(server.pid());
  ASSERT_GT(before, 0);
  let_pass(Millis(3000));
  EXPECT_EQ(context_switches(server.pid()) - before, 0);
}

TEST(IdleTest, NothingHappensAfterReady) {
  ServerProcess server;
  expect_rest(server);
}

TEST(IdleTest, NothingHappensAfterExecutions) {
  ServerProcess server;
  for (int n = 0; n < 20; ++n) server.execute("print('x')\n1 + 1");
  server.ask("input()", "x");
  server.execute("1 / 0");
  server.status();
  expect_rest(server);
}

TEST(IdleTest, NothingHappensAfterAnInterrupt) {
  ServerProcess server;
  const Json id = server.start("print('go')\nwhile True: pass");
  server.read_line();
  server.interrupt(id);
  server.finish(id);
  expect_rest(server);
}

TEST(IdleTest, NothingHappensWhileInputWaits) {
  ServerProcess server;
  server.start("print('x')\ninput()");
  server.await_input();
  expect_rest(server);
}

TEST(IdleTest, NothingHappensAfterAwaiting) {
  ServerProcess server;
  server.execute("import asyncio\nawait asyncio.gather(asyncio.sleep(0.01), asyncio.sleep(0))");
  expect_rest(server);
}

TEST(IdleTest, NothingHappensWhileATaskWaitsWithoutATimer) {
  ServerProcess server;
  server.execute(
      "import asyncio\nevent = asyncio.Event()\nawait asyncio.sleep(0)\n"
      "t = asyncio.create_task(event.wait())\n"
      "h = asyncio.get_running_loop().call_later(1.5, print)\nh.cancel()");
  expect_rest(server);
}

TEST(IdleTest, ATaskWakesItForItsTimersOnly) {
  ServerProcess server;
  server.execute(
      "import asyncio\nturns = 0\nasync def tick():\n    global turns\n    while True:\n"
      "        turns += 1\n        await asyncio.sleep(0.5)\n"
      "await asyncio.sleep(0)\nt = asyncio.create_task(tick())");
  let_pass(Millis(1000));
  const long turns = server.execute("turns").value();
  const long before = context_switches(server.pid());
  let_pass(Millis(3000));
  const long woken = context_switches(server.pid()) - before;
  const long passed = server.execute("turns").value().get<long>() - turns;
  EXPECT_GE(passed, 4);
  // The answer to `turns` may still have been under way when the count began.
  EXPECT_LE(woken, passed + 4);
}

TEST(IdleTest, NothingHappensOnceTheInputHookIsGone) {
  ServerProcess server;
  server.execute(
      "import ctypes\nslot = ctypes.c_void_p.in_dll(ctypes.pythonapi, 'PyOS_InputHook')\n"
      "hook = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: print('served') or 0)\n"
      "slot.value = ctypes.cast(hook, ctypes.c_void_p).value");
  server.read_line();
  server.execute("slot.value = None");
  expect_rest(server);
}

}  // namespace
}  // namespace replwire_tests
