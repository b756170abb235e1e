// Whom an interrupt reaches besides the code: processes that the execution started, and no others.
// That no process group is signalled every test here tells: it runs in the server's own.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/process_watch.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

const char* const kPrelude =
    "import multiprocessing, os, signal, subprocess, sys, time\n"
    "def child(*args, **more):\n    p = subprocess.Popen(args, **more)\n    print(p.pid, "
    "flush=True)\n"
    "    return p\n";

struct Started : Case {
  const char* code;  // prints the id of a process, then waits for ever
};

class DescendantsTest : public ::testing::TestWithParam<Started> {
 protected:
  DescendantsTest() { server_.execute(kPrelude); }
  ServerProcess server_;
};

class EndTest : public DescendantsTest {};

TEST_P(EndTest, ItIsGoneAndTheCodeEndsAtOnce) {
  const Json id = server_.start(GetParam().code);
  const ProcessWatch process = printed_process(server_);
  ASSERT_TRUE(process.lives());
  server_.interrupt(id);
  const Clock::time_point told = Clock::now();
  EXPECT_EQ(server_.finish(id).exception(), "KeyboardInterrupt");
  EXPECT_LT(Clock::now() - told, Millis(5000));
  EXPECT_TRUE(process.ends(kPatience));
  EXPECT_EQ(server_.execute("1").value(), 1);
}

const Started kEnding[] = {
    {"Child", "child('sleep', '600').wait()"},
    {"Run", "subprocess.run(['sh', '-c', 'echo $$; exec sleep 600'])"},
    {"System", "os.system('echo $$; exec sleep 600')\ntime.sleep(600)"},
    {"Grandchild",
     "subprocess.run(['sh', '-c', 'sh -c \"echo \\\\$\\\\$; exec sleep 600\"; true'])"},
    {"ChildOfAThread",
     "import threading\nt = threading.Thread(target=lambda: child('sleep', '600').wait())\n"
     "t.start()\nt.join()\ntime.sleep(600)"},
    {"ForkedChild",
     "pid = os.fork()\nif pid == 0:\n    signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
     "    print(os.getpid(), flush=True)\n    time.sleep(600)\nos.waitpid(pid, 0)\n"
     "time.sleep(600)"},
    {"OneInAGroupOfItsOwn", "import os\nchild('sleep', '600', preexec_fn=os.setpgrp).wait()"},
};
INSTANTIATE_TEST_SUITE_P(Processes, EndTest, ::testing::ValuesIn(kEnding), CaseName{});

// They look like the server that forked them, which goes on.
TEST(ForkServerTest, ItsWorkersAreInterrupted) {
  ServerProcess server;
  const Json id = server.start(
      "import concurrent.futures, multiprocessing, time\n"
      "e = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context('forkserver'))\n"
      "loop = \"import time; print('go', flush=True)\\nwhile True: time.sleep(0.01)\"\n"
      "list(e.map(exec, [loop]))");
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).exception(), "KeyboardInterrupt");
  EXPECT_EQ(server.execute("e.submit(abs, -1).result(15)").value(), 1) << server.describe();
}

class StayTest : public DescendantsTest {};

TEST_P(StayTest, ItIsLeftAlone) {
  const Json id = server_.start(GetParam().code);
  const ProcessWatch process = printed_process(server_);
  // The whole ladder: SIGTERM too.
  server_.send({{"type", "interrupt"}, {"execution_id", id}, {"grace", 0}});
  server_.finish(id);
  EXPECT_TRUE(process.lives());
}

const Started kStaying[] = {
    {"OneWithASessionOfItsOwn",
     "kept = child('sleep', '600', start_new_session=True)\ntime.sleep(600)"},
    {"ItsChildren",
     "kept = subprocess.Popen(['setsid', 'sh', '-c', 'sleep 600 & echo $!; "
     "wait'])\ntime.sleep(600)"},
    {"ResourceTracker",
     "from multiprocessing import resource_tracker as r\nr.ensure_running()\n"
     "print(r._resource_tracker._pid)\ntime.sleep(600)"},
    {"ForkServer",
     "from multiprocessing import forkserver as f\nf.ensure_running()\n"
     "print(f._forkserver._forkserver_pid)\ntime.sleep(600)"},
};
INSTANTIATE_TEST_SUITE_P(Processes, StayTest, ::testing::ValuesIn(kStaying), CaseName{});

TEST(DescendantsTest, OneOfAnExecutionBeforeIsLeftAlone) {
  ServerProcess server;
  server.execute(kPrelude);
  for (int round = 0; round < 20; ++round) {
    // Sent at once, so that both fall into one step of the system's clock.
    server.start("p = child('sleep', '600')");
    const Json id = server.start("time.sleep(600)");
    const ProcessWatch process = printed_process(server);
    server.send({{"type", "interrupt"}, {"execution_id", id}, {"grace", 0}});
    server.finish(id);
    ASSERT_TRUE(process.lives()) << "round " << round;
    ASSERT_EQ(server.execute("p.kill()\np.wait()").value(), -9);
  }
}

TEST(DescendantsTest, SigintFromOutsideReachesThemToo) {
  ServerProcess server;
  server.execute(kPrelude);
  const Json id = server.start("child('sleep', '600').wait()");
  const ProcessWatch process = printed_process(server);
  server.signal(SIGINT);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
  EXPECT_TRUE(process.ends(kPatience));
}

// Processes come and go while the interrupt looks for them.
TEST(DescendantsTest, ManyThatEndAtThatMomentDoNoHarm) {
  ServerProcess server;
  for (int round = 0; round < 20; ++round) {
    const Json id = server.start(
        "import subprocess\nprint('go')\nwhile True:\n"
        "    for p in [subprocess.Popen(['true']) for _ in range(8)]: p.wait()");
    server.read_line();
    for (int n = 0; n < 20; ++n) server.send({{"type", "interrupt"}, {"execution_id", id}});
    ASSERT_EQ(server.finish(id).exception(), "KeyboardInterrupt");
  }
}

TEST(DescendantsTest, AtRestTheyAreLeftAlone) {
  ServerProcess server;
  server.execute(kPrelude);
  const Json id = server.start("p = child('sleep', '600')");
  const ProcessWatch process = printed_process(server);
  server.finish(id);
  EXPECT_EQ(server.interrupt(nullptr)["outcome"], "not_running");
  server.signal(SIGINT);
  server.status();
  EXPECT_TRUE(process.lives());
}

// As with Ctrl-C: a pool's workers end what they do, the pool itself lives on or not as Python has
// it, and the session goes on.
TEST(DescendantsTest, WorkersOfAPoolAreInterrupted) {
  ServerProcess server;
  const Json id = server.start(
      "import concurrent.futures, time\nwith concurrent.futures.ProcessPoolExecutor(2) as pool:\n"
      "    futures = [pool.submit(time.sleep, 600) for _ in range(2)]\n"
      "    while not all(f.running() for f in futures): pass\n    print('go')\n"
      "    concurrent.futures.wait(futures)");
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).exception(), "KeyboardInterrupt");
  EXPECT_EQ(server.execute("1").value(), 1);
}

}  // namespace
}  // namespace replwire_tests
