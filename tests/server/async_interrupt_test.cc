// `interrupt` of code that awaits, and of tasks at rest.
#include <gtest/gtest.h>
#include <signal.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

// Defines, so that only what is tested takes time: a task that spins, and one that only waits.
void prepare(ServerProcess& server) {
  const Execution prepared = server.execute(
      "import asyncio, threading, time\n"
      "async def spins():\n    print('spins')\n    while True: pass\n"
      "async def blocks():\n    print('go')\n    time.sleep(600)\n"
      "async def waits():\n    try:\n        await wake.wait()\n        return 'woken'\n"
      "    except BaseException as e:\n        return f'harmed by {e!r}'\n"
      "wake = asyncio.Event()\n"
      "await asyncio.sleep(0)\n"
      "bystander = asyncio.create_task(waits())\nawait asyncio.sleep(0)");
  ASSERT_TRUE(prepared.ok()) << prepared;
}

void expect_bystander_unharmed(ServerProcess& server) {
  const Execution woken = server.execute("wake.set()\nawait bystander");
  EXPECT_EQ(woken.value(), "woken") << woken;
}

struct Busy : Case {
  const char* code;  // prints once, then goes on for ever
};

class AsyncInterruptTest : public ::testing::TestWithParam<Busy> {};

TEST_P(AsyncInterruptTest, EndsTheExecutionAndLeavesLoopAndTasksUsable) {
  ServerProcess server;
  prepare(server);
  for (int round = 0; round < 3; ++round) {
    const Json id = server.start(GetParam().code);
    server.read_line();
    EXPECT_EQ(server.interrupt(id)["outcome"], "delivered");
    const Execution execution = server.finish(id);
    EXPECT_EQ(execution.reason(), "interrupt") << execution;
    EXPECT_EQ(execution.exception(), "KeyboardInterrupt");
    EXPECT_EQ(server.execute("await asyncio.sleep(0.001, 'alive')").value(), "alive");
  }
  expect_bystander_unharmed(server);
}

const Busy kBusy[] = {
    {"Await", "print('go')\nawait asyncio.sleep(600)"},
    {"Gather", "print('go')\nawait asyncio.gather(asyncio.sleep(600), asyncio.sleep(600))"},
    {"Event", "print('go')\nawait asyncio.Event().wait()"},
    {"Bystander", "print('go')\nawait asyncio.shield(bystander)"},
    {"AsyncFor",
     "async def ever():\n    while True: yield await asyncio.sleep(0.001)\n"
     "print('go')\nasync for _ in ever(): pass"},
    {"BusyLoop", "print('go')\nwhile True: await asyncio.sleep(0)"},
    {"BlockingCode", "await asyncio.sleep(0)\nprint('go')\ntime.sleep(600)"},
    {"SpinningCode", "await asyncio.sleep(0)\nprint('go')\nwhile True: pass"},
    {"BlockingCodeInATask", "await asyncio.create_task(blocks())"},
    {"BlockingCodeInAGatheredTask", "await asyncio.gather(blocks(), asyncio.sleep(600))"},
    {"SpinningTask", "await asyncio.gather(spins(), waits())"},
    {"Thread",
     "print('go')\nawait asyncio.to_thread(threading.Event().wait, 0.2)\n"
     "await asyncio.sleep(600)"},
    {"Process",
     "p = await asyncio.create_subprocess_exec('sleep', '600')\nprint('go')\ntry: await p.wait()\n"
     "finally: p.kill()"},
};

INSTANTIATE_TEST_SUITE_P(Codes, AsyncInterruptTest, ::testing::ValuesIn(kBusy), CaseName{});

TEST(AsyncInterruptTest, TheCodeSeesACancellation) {
  ServerProcess server;
  prepare(server);
  const Json id = server.start(
      "print('go')\ntry: await asyncio.sleep(600)\n"
      "except asyncio.CancelledError:\n    await asyncio.sleep(0.001)\n    print('cleaned up')\n"
      "    raise");
  server.read_line();
  server.interrupt(id);
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.reason(), "interrupt");
  EXPECT_NE(execution.out.find("cleaned up"), std::string::npos);
}

TEST(AsyncInterruptTest, CodeThatCatchesItGoesOnAndCountsThem) {
  ServerProcess server;
  prepare(server);
  const Json id = server.start(
      "n = 0\nwhile n < 3:\n    print('go')\n    try: await asyncio.sleep(600)\n"
      "    except asyncio.CancelledError: n += 1\n"
      "try: await asyncio.wait_for(asyncio.sleep(600), 0.01)\nexcept TimeoutError: n += 1\n"
      "except asyncio.TimeoutError: n += 1\nn");
  for (int n = 0; n < 3; ++n) {
    server.read_line();
    EXPECT_EQ(server.interrupt(id)["outcome"], "delivered");
  }
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.value(), 4) << execution;
  EXPECT_EQ(execution.terminal["interrupts"], 3);
}

TEST(AsyncInterruptTest, ACancellationOfAnotherKindIsNoInterrupt) {
  ServerProcess server;
  prepare(server);
  const Execution execution =
      server.execute("asyncio.current_task().cancel()\nawait asyncio.sleep(600)");
  EXPECT_EQ(execution.reason(), "exception");
  EXPECT_EQ(execution.exception(), "asyncio.exceptions.CancelledError");
}

TEST(AsyncInterruptTest, ATaskOfAnotherExecutionThatHoldsUpTheLoopIsInterruptedInstead) {
  ServerProcess server;
  prepare(server);
  server.execute(
      "async def later():\n    await begin.wait()\n    print('hogs')\n    while True: pass\n"
      "begin = asyncio.Event()\nawait asyncio.sleep(0)\nt = asyncio.create_task(later())",
      {{"id", "starter"}});
  const Json id = server.start("begin.set()\nawait asyncio.sleep(600)");
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
  const Execution after = server.execute("await asyncio.sleep(0)\nt.done()");
  EXPECT_EQ(after.value(), true);
  expect_bystander_unharmed(server);
}

TEST(AsyncInterruptTest, SigintDoesTheSame) {
  ServerProcess server;
  prepare(server);
  const Json id = server.start("print('go')\nawait asyncio.sleep(600)");
  server.read_line();
  server.signal(SIGINT);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
  expect_bystander_unharmed(server);
}

TEST(AsyncInterruptTest, ReachesAQuestionAndWithdrawsIt) {
  ServerProcess server;
  prepare(server);
  const Json id = server.start("await asyncio.sleep(0)\ninput()");
  const Json request = server.await_input();
  server.interrupt(id);
  EXPECT_EQ(server.read_until("input_closed").back()["id"], request["id"]);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
}

TEST(AsyncInterruptTest, AHandlerOfTheUsersOwnIsRespected) {
  ServerProcess server;
  prepare(server);
  const Json id = server.start(
      "import signal\ndef handler(*_): raise TimeoutError('handled')\n"
      "old = signal.signal(signal.SIGINT, handler)\nprint('go')\nawait asyncio.sleep(600)");
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).exception(), "TimeoutError");
  server.execute("signal.signal(signal.SIGINT, old)\nNone");
  expect_bystander_unharmed(server);
}

TEST(AsyncInterruptTest, TheHandlerOfSigintIsPythonsOwnAfterwards) {
  ServerProcess server;
  prepare(server);
  const char* own = "import signal\nsignal.getsignal(signal.SIGINT) is signal.default_int_handler";
  EXPECT_EQ(server.execute(own).value(), true);
  server.execute("t = asyncio.get_event_loop().create_task(asyncio.sleep(0.01))");
  EXPECT_EQ(server.execute(own).value(), true);
  const Json id = server.start("print('go')\nwhile True: pass");
  server.read_line();
  server.signal(SIGINT);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
}

// Whenever it comes, it hits this execution or nothing.
TEST(AsyncInterruptTest, RacingTheEndHarmsNobody) {
  ServerProcess server;
  prepare(server);
  for (int round = 0; round < 300; ++round) {
    const Json target =
        server.start("for _ in range(" + std::to_string(round) + "): await asyncio.sleep(0)");
    server.send({{"type", "interrupt"}, {"id", round}, {"execution_id", target}});
    const Json next = server.start(round % 2 == 0 ? "await asyncio.sleep(0, 'unharmed')"
                                                  : "sum(range(500))\n'unharmed'");
    const Execution bystander = server.finish(next);
    ASSERT_EQ(bystander.value(), "unharmed") << bystander << server.describe();
    const Execution first = server.finish(target);
    ASSERT_TRUE(first.ok() || first.reason() == "interrupt") << first;
  }
  expect_bystander_unharmed(server);
}

// ---- at rest ----------------------------------------------------------------------------------

TEST(AsyncRestTest, AnUnaddressedInterruptReachesATaskThatSpins) {
  ServerProcess server;
  prepare(server);
  for (const char* code : {"spins()", "blocks()", "input_in_task()", "yields()"}) {
    server.execute(
        "async def input_in_task(): print('go'); input()\n"
        "async def yields():\n    print('go')\n    while True: await asyncio.sleep(0)");
    server.execute("await asyncio.sleep(0)\nt = asyncio.create_task(" + std::string(code) + ")",
                   {{"id", "starter"}});
    server.read_line();
    EXPECT_EQ(server.interrupt(nullptr)["outcome"], "delivered");
    const Json shown =
        server.read_until([](const Json& frame) { return frame.value("stream", "") == "stderr"; })
            .back();
    EXPECT_EQ(shown["execution_id"], "starter");
    EXPECT_EQ(shown["late"], true);
    const std::string text = shown["data"];
    EXPECT_NE(text.find("\nKeyboardInterrupt\n"), text.npos) << text;
    EXPECT_EQ(text.find("base_events"), text.npos) << text;
    EXPECT_EQ(server.execute("t.done()").value(), true);
  }
  EXPECT_EQ(server.interrupt(nullptr)["outcome"], "not_running");
  expect_bystander_unharmed(server);
}

TEST(AsyncRestTest, ACallbackThatSpinsIsReachedToo) {
  ServerProcess server;
  prepare(server);
  server.execute(
      "def spin():\n    print('go')\n    while True: pass\n"
      "await asyncio.sleep(0)\nasyncio.get_running_loop().call_soon(spin)",
      {{"id", "starter"}});
  server.read_line();
  EXPECT_EQ(server.interrupt(nullptr)["outcome"], "delivered");
  const Json shown = server.read_output();
  EXPECT_EQ(shown["execution_id"], "starter");
  EXPECT_NE(std::string(shown["data"]).find("\nKeyboardInterrupt\n"), std::string::npos);
  expect_bystander_unharmed(server);
}

TEST(AsyncRestTest, SigintReachesATaskThatSpins) {
  ServerProcess server;
  prepare(server);
  server.execute("await asyncio.sleep(0)\nt = asyncio.create_task(spins())");
  server.read_line();
  server.signal(SIGINT);
  EXPECT_EQ(server.read_output()["stream"], "stderr");
  expect_bystander_unharmed(server);
}

TEST(AsyncRestTest, TasksThatOnlyWaitAreNotRunning) {
  ServerProcess server;
  prepare(server);
  server.execute("'what the loop still had to do is done'");
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(server.interrupt(nullptr)["outcome"], "not_running");
    server.signal(SIGINT);
  }
  expect_bystander_unharmed(server);
}

// Python hears of it when the loop has returned: there is nothing to look for any more.
TEST(AsyncRestTest, WhatComesWhenTheLoopHasReturnedLeavesNoTraceInTheNextExecution) {
  ServerProcess server;
  prepare(server);
  server.execute(
      "import _thread, sys\nloop = asyncio.get_event_loop()\n"
      "t = loop.create_task(asyncio.sleep(0.01))\n"
      "def trip():\n    while not t.done() or loop.is_running(): time.sleep(0.001)\n"
      "    _thread.interrupt_main()\n    print('tripped')\n"
      "threading.Thread(target=trip).start()");
  server.read_line();
  EXPECT_EQ(server.execute("sys.getprofile() is None").value(), true);
  EXPECT_EQ(server.execute("await asyncio.sleep(0, sys.getprofile() is None)").value(), true);
  expect_bystander_unharmed(server);
}

// The execution cannot start before the task that spins has ended; its interrupt sees to that.
TEST(AsyncRestTest, AnExecutionBehindATaskThatSpinsCanBeInterrupted) {
  ServerProcess server;
  prepare(server);
  server.execute("await asyncio.sleep(0)\nt = asyncio.create_task(spins())");
  server.read_line();
  const Json id = server.start("'never gets here'");
  EXPECT_EQ(server.interrupt(id)["outcome"], "delivered");
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
  EXPECT_EQ(server.execute("t.done()").value(), true);
  expect_bystander_unharmed(server);
}

}  // namespace
}  // namespace replwire_tests
