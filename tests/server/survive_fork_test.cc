// --survive: the fork for a snapshot, and the handlers around it.
#include <gtest/gtest.h>
#include <sched.h>

#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

// What a library in C does with pthread_atfork(), by hand.
constexpr const char* kHandlers = R"(
import ctypes, os, threading, time
kind = ctypes.CFUNCTYPE(None)
held = []
def at_fork(before=lambda: None, in_parent=lambda: None, in_child=lambda: None):
    handlers = [kind(before), kind(in_parent), kind(in_child)]
    held.append(handlers)
    if ctypes.CDLL(None)['__register_atfork'](*handlers, None): raise OSError
)";

// Its thread ends before each fork and is started again behind it: gRPC, some BLAS, loggers.
constexpr const char* kStopsItsThread = R"(
calls = []
def work():
    while not ended.wait(0.001): calls.append('work')
def start():
    global ended, thread
    ended, thread = threading.Event(), threading.Thread(target=work, daemon=True)
    calls.append(('start', os.getpid(), threading.get_native_id()))
    thread.start()
def stop():
    ended.set()
    thread.join()
    calls.append(('stop', os.getpid(), threading.get_native_id()))
def works():
    before = len(calls)
    while len(calls) < before + 3: time.sleep(0.001)
    return [each for each in calls if each != 'work']
start()
at_fork(stop, start)
)";

// From 3.13 on each fork finds Python's own threads stopped, and whoever waits for one in such a
// handler waits for ever, without --survive as well.
bool stops_all_threads(ServerProcess& server) {
  return server.execute("import sys\nsys.version_info >= (3, 13)").value() == true;
}

// As JAX's does of every fork.
TEST(SurviveForkTest, WhatHandlersWarnOfSnapshotsIsNotSaid) {
  ServerProcess server(surviving());
  server.execute(
      "import os, warnings\n"
      "os.register_at_fork(before=lambda: warnings.warn('somebody forks', RuntimeWarning))\n"
      "before = len(warnings.filters)");
  Execution told = server.execute("len(warnings.filters) - before");
  EXPECT_EQ(told.frames.size(), 1) << told;
  EXPECT_EQ(told.value(), 0);
  told = server.execute(
      "if (child := os.fork()) == 0: os._exit(0)\n"
      "os.waitpid(child, 0)\n"
      "len(warnings.filters) - before");
  EXPECT_EQ(told.value(), 0) << told;
  EXPECT_NE(told.err.find("somebody forks"), std::string::npos) << told;
}

TEST(SurviveForkTest, WhoRegistersAHandlerDoesNotMatter) {
  ServerProcess server(surviving());
  server.execute(
      "import functools, os, threading, warnings\n"
      "warn = functools.partial(warnings.warn, 'somebody forks', RuntimeWarning)\n"
      "thread = threading.Thread(target=os.register_at_fork, kwargs={'before': warn})\n"
      "thread.start()\nthread.join()");
  const Execution told = server.execute("1");
  EXPECT_EQ(told.frames.size(), 1) << told;
}

TEST(SurviveForkTest, AThreadThatIsStoppedForAForkRunsOnInTheLiveSession) {
  ServerProcess server(surviving());
  if (stops_all_threads(server)) GTEST_SKIP() << "Python 3.13 or newer";
  ASSERT_TRUE(server.execute(kHandlers).ok());
  ASSERT_TRUE(server.execute(kStopsItsThread).ok());
  for (int round = 0; round < 5; ++round) {
    const Execution seen = server.execute("works()", {{"timeout", 20}});
    ASSERT_TRUE(seen.ok()) << seen;
    for (const Json& call : seen.value()) EXPECT_EQ(call[1], first_interpreter(server)) << call;
  }
}

TEST(SurviveForkTest, HandlersOfTheParentRunOnTheMainThread) {
  ServerProcess server(surviving());
  if (stops_all_threads(server)) GTEST_SKIP() << "Python 3.13 or newer";
  ASSERT_TRUE(server.execute(kHandlers).ok());
  ASSERT_TRUE(server.execute(kStopsItsThread).ok());
  const Execution seen = server.execute("works()");
  ASSERT_TRUE(seen.ok()) << seen;
  ASSERT_GE(seen.value().size(), 3U);
  for (const Json& call : seen.value()) EXPECT_EQ(call[1], call[2]) << call;
}

TEST(SurviveForkTest, HandlersOfTheChildRunInWhatGoesOn) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute(kHandlers).ok());
  ASSERT_TRUE(server.execute("seen = []\nat_fork(in_child=lambda: seen.append(os.getpid()))").ok());
  EXPECT_EQ(server.execute("seen").value(), Json::array());
  const Json restored = kill_at_rest(server, first_interpreter(server));
  EXPECT_EQ(server.execute("seen").value(), Json({restored["pid"]}));
}

// It costs the snapshot, and nobody goes on waiting in it.
TEST(SurviveForkTest, OneOfTheChildThatNeverReturnsCostsTheSnapshot) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute(kHandlers).ok());
  const std::size_t before = children_of(server.pid()).size();
  ASSERT_TRUE(server.execute("at_fork(in_child=lambda: time.sleep(600))\nbound = 1").ok());
  EXPECT_EQ(server.execute("bound").value(), 1);
  EXPECT_EQ(server.execute("os.abort()").reason(), "crash");
  const Execution next = server.execute("'bound' in globals()");
  EXPECT_TRUE(next.ok()) << next;
  // What was given up ends behind the result. A process that stayed would be ended by the test's
  // own time limit.
  while (children_of(server.pid()).size() > before + 1) ::sched_yield();
}

TEST(SurviveForkTest, UserCodesOwnForksSeeTheSameHandlers) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute(kHandlers).ok());
  const Execution forked = server.execute(
      "seen = []\nat_fork(lambda: seen.append(1), lambda: seen.append(2), lambda: seen.append(3))\n"
      "pid = os.fork()\nif pid == 0: os._exit(0 if seen == [1, 3] else 1)\n"
      "os.waitpid(pid, 0)[1], seen");
  EXPECT_EQ(forked.value(), Json({0, Json({1, 2})})) << forked;
}

// The lock of a module that a thread is importing when the snapshot is taken.
TEST(SurviveForkTest, WhatALostThreadWasImportingIsImportedAnew) {
  TempDir folder;
  folder.write("slow.py",
               "import os, time\n"
               "if os.path.exists('first'):\n    os.remove('first')\n    time.sleep(600)\n"
               "value = 42\n");
  folder.write("first", "");
  ServerProcess server(surviving());
  ASSERT_TRUE(
      server
          .execute("import os, sys, threading, time\nos.chdir('" + folder.path() +
                   "')\nsys.path.insert(0, '')\n"
                   "threading.Thread(target=__import__, args=('slow',), daemon=True).start()"
                   "\nwhile os.path.exists('first'): time.sleep(0.001)")
          .ok());
  EXPECT_EQ(server.execute("os.abort()").terminal["restored"], true);
  const Execution imported = server.execute("import slow\nslow.value", {{"timeout", 20}});
  EXPECT_EQ(imported.value(), 42) << imported;
}

TEST(SurviveForkTest, NobodyOfUserCodesSeesTheSnapshots) {
  ServerProcess server(surviving());
  server.execute(
      "import os, signal\nseen = []\n"
      "x = signal.signal(signal.SIGCHLD, lambda *each: seen.append(each))");
  for (int round = 0; round < 5; ++round) {
    const Execution each = server.execute(
        "try: seen.append(os.waitpid(-1, os.WNOHANG))\nexcept ChildProcessError: pass\nseen");
    EXPECT_EQ(each.value(), Json::array()) << each;
  }
}

}  // namespace
}  // namespace replwire_tests
