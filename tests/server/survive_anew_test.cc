// --survive, when there is no snapshot to wake: Python starts anew, three times.
#include <gtest/gtest.h>

#include "support/process_watch.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

TEST(SurviveAnewTest, AboveTheLimitNothingIsTakenAndACrashStartsAnew) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  server.execute("import os\ngone = 1");
  EXPECT_EQ(server.status()["snapshots"]["count"], 0);
  EXPECT_EQ(request(server, {{"type", "checkpoints"}})["checkpoints"], Json::array());
  const Execution lost = server.execute("os.abort()");
  EXPECT_EQ(lost.reason(), "crash");
  EXPECT_EQ(lost.terminal.value("restored", false), false) << lost;
  EXPECT_EQ(lost.terminal["signal"], "SIGABRT");
  const Json restored = frame_of(lost.frames, "restored");
  EXPECT_EQ(restored["checkpoint_id"], nullptr);
  const Execution next = server.execute("'gone' in globals()");
  EXPECT_EQ(next.value(), false);
  EXPECT_EQ(next.terminal["execution_count"], 3);
  EXPECT_EQ(server.ask("input()", "works").value(), "works");
}

TEST(SurviveAnewTest, AboveTheLimitAnExplicitCheckpointIsTaken) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  server.execute("import os\nkept = 1");
  ASSERT_TRUE(checkpoint(server).is_string());
  server.execute("kept = 2");
  ASSERT_EQ(server.execute("os.abort()").terminal.value("restored", false), true);
  EXPECT_EQ(server.execute("kept").value(), 1);
}

TEST(SurviveAnewTest, TheStartupFileIsRunAgain) {
  TempDir directory;
  Launch launch = surviving({"--snapshot-limit", "1", "--startup"});
  launch.args.push_back(directory.write("startup.py", "import os\ngiven = [1]"));
  ServerProcess server(launch);
  ASSERT_EQ(server.execute("given.append(2)\nos._exit(1)").reason(), "crash");
  EXPECT_EQ(server.execute("given").value(), Json({1}));
}

TEST(SurviveAnewTest, ItIsGivenUpWhenPythonCannotBeStarted) {
  TempDir folder;
  Launch launch = surviving({"--snapshot-limit", "1", "--startup"});
  launch.args.push_back(folder.write(
      "startup.py", "import os\nif os.path.exists('" + folder.path("broken") + "'): os._exit(5)"));
  ServerProcess server(launch);
  folder.write("broken", "");
  server.start("import os\nos._exit(1)", {{"id", "last"}});
  const std::vector<Json> frames = server.read_to_end();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back()["type"], "fatal") << server.describe();
  EXPECT_EQ(frames.back()["reason"], "interpreter");
  EXPECT_EQ(frames.back()["execution_id"], "last");
  EXPECT_EQ(server.wait_exit(), 70);
}

TEST(SurviveAnewTest, ExecutionsThatCrashAreNoReasonTo) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  for (int start = 0; start < 8; ++start) {
    ASSERT_EQ(server.execute("import os\nos._exit(1)").reason(), "crash") << start;
  }
  EXPECT_TRUE(server.execute("1").ok());
}

TEST(SurviveAnewTest, NorAreDeathsFromOutside) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  pid_t interpreter = first_interpreter(server);
  for (int start = 0; start < 8; ++start) {
    interpreter = kill_at_rest(server, interpreter)["pid"];
  }
  EXPECT_TRUE(server.execute("1").ok());
}

// Snapshots, and what Python is started anew from.
void kill_all_but(const ServerProcess& server, pid_t interpreter) {
  for (const pid_t each : children_of(server.pid())) {
    if (each == interpreter) continue;
    const ProcessWatch watch(each);
    ::kill(each, SIGKILL);
    ASSERT_TRUE(watch.ends(kPatience));
  }
}

TEST(SurviveAnewTest, WithNothingLeftToWakeItStartsAllTheSame) {
  ServerProcess server(surviving());
  pid_t interpreter = first_interpreter(server);
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(server.execute("import os\nhere = 1").ok());
    kill_all_but(server, interpreter);
    const Json restored = kill_at_rest(server, interpreter);
    EXPECT_EQ(restored["checkpoint_id"], nullptr);
    interpreter = restored["pid"];
    EXPECT_EQ(server.execute("'here' in globals()").value(), false);
    EXPECT_EQ(server.ask("input()", "works").value(), "works");
  }
  EXPECT_EQ(server.execute("import os\nos.abort()").terminal.value("restored", false), true);
  EXPECT_TRUE(server.execute("1").ok());
}

TEST(SurviveAnewTest, WithOneSnapshotTheFirstOfTwoCrashesCostsOneExecution) {
  ServerProcess server(surviving({"--snapshots", "1"}));
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(server.execute("import os\nkept = " + std::to_string(round)).ok());
    for (int crash = 0; crash < 5; ++crash) {
      ASSERT_EQ(server.execute("os.abort()").terminal.value("restored", false), true);
    }
    EXPECT_EQ(server.execute("kept").value(), round);
  }
}

// A hook of user code's that ends each process that wakes, and only those.
constexpr const char* kDiesWhenWoken =
    "import os\nos.register_at_fork(after_in_child=lambda: os._exit(9))\nbound = 1";

TEST(SurviveAnewTest, ASnapshotThatDiesEachTimeIsGivenUp) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute(kDiesWhenWoken).ok());
  ASSERT_TRUE(server.execute("bound += 1").ok());
  const Execution lost = server.execute("os.abort()");
  EXPECT_EQ(lost.reason(), "crash") << lost;
  const Execution next = server.execute("'bound' in globals()");
  EXPECT_EQ(next.value(), false) << next;
}

TEST(SurviveAnewTest, ASnapshotThatDiesEachTimeAtRestIsGivenUp) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute(kDiesWhenWoken).ok());
  ASSERT_TRUE(server.execute("bound += 1").ok());
  EXPECT_EQ(kill_at_rest(server, first_interpreter(server))["cause"], "crash");
  EXPECT_TRUE(server.execute("1").ok());
}

// Children that the lost interpreter had not waited for are the server's then.
TEST(SurviveAnewTest, ASnapshotThatDiesWhileManyOthersAreBuriedIsGivenUp) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute(kDiesWhenWoken).ok());
  ASSERT_TRUE(
      server
          .execute("dead = [os.posix_spawn('/bin/true', ['true'], {}) for _ in range(500)]\n"
                   "for pid in dead: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)")
          .ok());
  EXPECT_EQ(server.execute("os.abort()").reason(), "crash");
  EXPECT_EQ(server.execute("'bound' in globals()").value(), false);
}

TEST(SurviveAnewTest, RestoringOneThatDiesEachTimeIsSaid) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute(kDiesWhenWoken).ok());
  const Json id = checkpoint(server);
  const Json reply = request(server, {{"type", "restore"}, {"checkpoint_id", id}});
  EXPECT_EQ(reply["type"], "protocol_error") << reply;
  EXPECT_TRUE(server.execute("1").ok());
}

// It died of a task at rest: what stands in shared memory is not to outlive it.
TEST(SurviveAnewTest, NothingIsUnderWayInTheNewOne) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  server.execute(
      "import asyncio, os\nasync def die():\n    await asyncio.sleep(0.05)\n    os._exit(3)\n"
      "task = asyncio.create_task(die())\nawait asyncio.sleep(0)");
  server.read_until("restored");
  EXPECT_EQ(request(server, {{"type", "interrupt"}})["outcome"], "not_running");
}

// Its output comes by memory shared with the server, and what it says of itself by a socket.
TEST(SurviveAnewTest, RestoredIsSaidBeforeWhatTheNewOnePrints) {
  ServerProcess server(surviving());
  server.execute(
      "import os, time\nos.register_at_fork(after_in_child=lambda: "
      "(print('woken', flush=True), time.sleep(0.05)))");
  server.start("os.abort()");
  std::vector<std::string> told;
  server.read_until([&told](const Json& frame) {
    const std::string text = frame.value("data", "");
    if (frame["type"] == "restored" || text == "woken\n") told.push_back(frame["type"]);
    return told.size() == 2;
  });
  EXPECT_EQ(told, (std::vector<std::string>{"restored", "output"}));
}

TEST(SurviveAnewTest, ASnapshotThatDoesNotWakeIsGivenUp) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server
                  .execute("import os, time\nos.register_at_fork(after_in_child=lambda: "
                           "time.sleep(600))\nbound = 1")
                  .ok());
  ASSERT_TRUE(server.execute("bound += 1").ok());
  EXPECT_EQ(server.execute("os.abort()").reason(), "crash");
  EXPECT_EQ(server.execute("'bound' in globals()").value(), false);
}

}  // namespace
}  // namespace replwire_tests
