// Top-level `await` and tasks that go on at rest. tests/sessions/awaiting.replwire has what code
// sees of it.
#include <gtest/gtest.h>

#include "support/server_process.h"

namespace replwire_tests {
namespace {

// Imports asyncio, so that only what is tested takes time.
void import_asyncio(ServerProcess& server) {
  ASSERT_TRUE(server.execute("import asyncio, time\nawait asyncio.sleep(0)").ok());
}

TEST(AsyncTest, TheLoopThatCodeAskedForBeforeIsTheOne) {
  ServerProcess server;
  server.execute(
      "import asyncio, warnings\nwarnings.simplefilter('ignore')\n"
      "loop = asyncio.get_event_loop_policy().new_event_loop()\nasyncio.set_event_loop(loop)\n"
      "future = loop.create_future()\nfuture.set_result(7)");
  EXPECT_EQ(server.execute("(await future, asyncio.get_running_loop() is loop)").value(),
            Json({7, true}));
}

TEST(AsyncTest, AsyncioIsNotImportedForCodeThatDoesNotAwait) {
  ServerProcess server;
  EXPECT_EQ(server.execute("import sys\n'asyncio' in sys.modules").value(), false);
}

TEST(AsyncTest, ContextVariablesAreOneSetForAllExecutions) {
  ServerProcess server;
  import_asyncio(server);
  server.execute("import contextvars\nv = contextvars.ContextVar('v', default=0)\nv.set(1)");
  EXPECT_EQ(server.execute("await asyncio.to_thread(v.get)").value(), 1);
  if (server.execute("import sys\nsys.version_info >= (3, 11)").value() == false) return;
  server.execute("v.set(2)\nawait asyncio.sleep(0)");
  EXPECT_EQ(server.execute("v.get()").value(), 2);
}

TEST(AsyncTest, TracebacksShowUserFramesOnly) {
  ServerProcess server;
  import_asyncio(server);
  const Execution execution = server.execute("async def f():\n    return 1 / 0\nawait f()");
  EXPECT_EQ(execution.exception(), "ZeroDivisionError");
  const Json& frames = execution.terminal["frames"];
  ASSERT_EQ(frames.size(), 2U) << execution;
  EXPECT_EQ(frames[0]["source"], "await f()");
  EXPECT_EQ(frames[1]["function"], "f");
  EXPECT_EQ(server.execute("import sys\nsys.last_traceback.tb_frame.f_code.co_name").value(),
            "<module>");
}

TEST(AsyncTest, SystemExitEndsTheExecutionOnly) {
  ServerProcess server;
  import_asyncio(server);
  const Execution execution = server.execute("await asyncio.sleep(0)\nexit(4)");
  EXPECT_EQ(execution.reason(), "exit");
  EXPECT_EQ(execution.terminal["exit_code"], 4);
  EXPECT_EQ(execution.terminal["frames"].size(), 2U) << execution;  // <module>, __call__
  EXPECT_EQ(server.execute("await asyncio.sleep(0, 'alive')").value(), "alive");
}

TEST(AsyncTest, AStopOfTheLoopDoesNotEndTheExecution) {
  ServerProcess server;
  import_asyncio(server);
  EXPECT_EQ(server
                .execute("asyncio.get_running_loop().stop()\nawait asyncio.sleep(0.01)\n"
                         "await asyncio.sleep(0, 'went on')")
                .value(),
            "went on");
}

// ---- between executions -----------------------------------------------------------------------

TEST(AsyncTaskTest, GoesOnAtRestAndItsOutputIsLate) {
  ServerProcess server;
  import_asyncio(server);
  const Execution starter = server.execute(
      "async def tick():\n    await asyncio.sleep(0.02)\n    print('tick')\n"
      "await asyncio.sleep(0)\nt = asyncio.create_task(tick())",
      {{"id", "starter"}});
  const Json output = server.read_output();
  EXPECT_EQ(output["execution_id"], "starter");
  EXPECT_EQ(output["late"], true);
  EXPECT_EQ(output["execution_count"], starter.terminal["execution_count"]);
  EXPECT_EQ(output["data"], "tick\n");
}

TEST(AsyncTaskTest, WritesForItsStarterInsideAnotherExecution) {
  ServerProcess server;
  import_asyncio(server);
  server.execute(
      "go = asyncio.Event()\nasync def child(): print('child')\n"
      "async def task():\n    await go.wait()\n    print('task')\n    await asyncio.create_task("
      "child())\n    await asyncio.to_thread(print, 'thread')\nawait asyncio.sleep(0)\n"
      "t = asyncio.create_task(task())",
      {{"id", "first"}});
  server.start("print('mine')\ngo.set()\nawait t\nprint('mine too')", {{"id", "second"}});
  std::string of_first;
  std::string of_second;
  for (const Json& frame : server.read_until("result")) {
    if (frame["type"] != "output") continue;
    const bool late = frame.value("late", false);
    EXPECT_EQ(late, frame["execution_id"] == "first") << frame;
    (late ? of_first : of_second) += frame["data"].get<std::string>();
  }
  EXPECT_EQ(of_first, "task\nchild\nthread\n");
  EXPECT_EQ(of_second, "mine\nmine too\n");
}

TEST(AsyncTaskTest, StartedByCodeThatDoesNotAwaitItRuns) {
  ServerProcess server;
  import_asyncio(server);
  server.execute("async def f(): print('ran')\nt = asyncio.get_event_loop().create_task(f())",
                 {{"id", "plain"}});
  EXPECT_EQ(server.read_output()["execution_id"], "plain");
}

TEST(AsyncTaskTest, TimersAndSocketsAndThreadsReachTheLoopAtRest) {
  ServerProcess server;
  import_asyncio(server);
  server.execute(
      "asyncio.get_running_loop().call_later(0.02, print, 'timer')\nawait asyncio.sleep(0)");
  EXPECT_EQ(server.read_line(), "timer\n");
  server.execute(
      "loop = asyncio.get_event_loop()\nimport os, threading\nr, w = os.pipe()\n"
      "def readable():\n    loop.remove_reader(r)\n    print('readable')\n"
      "loop.add_reader(r, readable)\n"
      "l = threading.Timer(0.02, os.write, [w, b'x']); l.start()");
  EXPECT_EQ(server.read_line(), "readable\n");
  server.execute(
      "async def f(): print('from a thread')\n"
      "l = threading.Timer(0.02, lambda: asyncio.run_coroutine_threadsafe(f(), loop)); l.start()");
  EXPECT_EQ(server.read_line(), "from a thread\n");
}

TEST(AsyncTaskTest, ManyQueuedExecutionsLetItRunInBetween) {
  ServerProcess server;
  import_asyncio(server);
  server.execute(
      "turns = 0\nasync def count():\n    global turns\n    while True:\n        turns += 1\n"
      "        await asyncio.sleep(0)\nawait asyncio.sleep(0)\nt = asyncio.create_task(count())");
  Json last;
  server.start("time.sleep(0.05)");
  for (int n = 0; n < 50; ++n) last = server.start("turns");
  const Json turns = server.finish(last).value();
  EXPECT_GE(turns.get<int>(), 50);
}

TEST(AsyncTaskTest, AsksForInput) {
  ServerProcess server;
  import_asyncio(server);
  server.execute(
      "async def f(): print(input('direct? '), await asyncio.to_thread(input, 'thread? '))\n"
      "await asyncio.sleep(0)\nt = asyncio.create_task(f())",
      {{"id", "asks"}});
  Json input = server.read_until("input").back();
  EXPECT_EQ(input["execution_id"], "asks");
  server.answer(input["id"], "one");
  input = server.read_until("input").back();
  EXPECT_EQ(input["execution_id"], "asks");
  EXPECT_EQ(input["prompt"], "thread? ");
  server.answer(input["id"], "two");
  EXPECT_EQ(server.read_line(), "one two\n");
}

TEST(AsyncTaskTest, ResetNamesTheLiveOnes) {
  ServerProcess server;
  import_asyncio(server);
  server.execute(
      "await asyncio.sleep(0)\nt = asyncio.create_task(asyncio.sleep(600), name='sleeper')");
  server.send({{"type", "reset"}, {"id", "r"}});
  EXPECT_EQ(server.read_until("reset_reply").back()["tasks"], Json({"sleeper"}));
}

TEST(AsyncTaskTest, IsCancelledAtTheEndOfInput) {
  ServerProcess server;
  import_asyncio(server);
  server.execute(
      "async def f():\n    try: await asyncio.sleep(600)\n    finally: print('cleaned up')\n"
      "import atexit\natexit.register(print, 'atexit')\n"
      "await asyncio.sleep(0)\nt = asyncio.create_task(f())\nawait asyncio.sleep(0)");
  server.close_stdin();
  EXPECT_EQ(output_text(server.read_to_end(), "stdout"), "cleaned up\natexit\n");
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(AsyncTaskTest, OneThatRefusesToEndHoldsUpNoEnd) {
  for (const bool shutdown : {false, true}) {
    ServerProcess server;
    import_asyncio(server);
    server.execute(
        "async def f():\n    while True:\n        try: await asyncio.sleep(600)\n"
        "        except asyncio.CancelledError: print('no')\n"
        "await asyncio.sleep(0)\nt = asyncio.create_task(f())\nawait asyncio.sleep(0)");
    shutdown ? server.send({{"type", "shutdown"}}) : server.close_stdin();
    EXPECT_EQ(output_text(server.read_to_end(), "stdout"), "no\n");
    EXPECT_EQ(server.wait_exit(), 0);
  }
}

TEST(AsyncTaskTest, ShutdownEndsAnExecutionThatAwaitsAndOneThatSpins) {
  {
    ServerProcess server;
    import_asyncio(server);
    const Json id = server.start("print('go')\nawait asyncio.sleep(600)");
    server.read_line();
    server.send({{"type", "shutdown"}});
    EXPECT_EQ(server.finish(id).reason(), "interrupt");
    server.read_until("shutdown_reply");
    EXPECT_EQ(server.wait_exit(), 0);
  }
  ServerProcess server;
  import_asyncio(server);
  server.execute(
      "import atexit\natexit.register(print, 'atexit')\nasync def f():\n    print('spins')\n"
      "    while True: pass\nawait asyncio.sleep(0)\nt = asyncio.create_task(f())");
  server.read_line();
  server.send({{"type", "shutdown"}});
  EXPECT_NE(output_text(server.read_until("shutdown_reply"), "stdout").find("atexit"),
            std::string::npos);
}

}  // namespace
}  // namespace replwire_tests
