// --survive: the processes of a session, and that none is left behind.
#include <dirent.h>
#include <gtest/gtest.h>

#include <thread>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "support/case.h"
#include "support/memory_group.h"
#include "support/process_watch.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

constexpr Millis kGone{1000};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int score_of(pid_t process) {
  return std::stoi(text_of("/proc/" + std::to_string(process) + "/oom_score_adj"));
}

// A session with snapshots, a child of user code's, and one that the child has left behind.
std::vector<pid_t> populate(ServerProcess& server) {
  const Execution started = server.execute(
      "import os, subprocess, time\np = subprocess.Popen(['sleep', '600'])\n"
      "q = subprocess.Popen(['sh', '-c', 'sleep 600 & sleep 600 & wait'])\n[p.pid, q.pid]");
  server.execute("x = 1");
  checkpoint(server);
  std::vector<pid_t> all = children_of(server.pid());
  for (const Json& pid : started.value()) {
    all.push_back(pid.get<pid_t>());
    for (const pid_t child : children_of(pid.get<pid_t>())) all.push_back(child);
  }
  return all;
}

enum class End { kClientDies, kServerKilled, kShutdown, kEndOfInput };

struct Ending : Case {
  End end;
  const char* code;  // what runs at that moment
};

class SurviveLeftTest : public ::testing::TestWithParam<Ending> {};

void end(ServerProcess& server, End how) {
  switch (how) {
    case End::kClientDies:
      server.close_stdin();
      return server.close_stdout();
    case End::kServerKilled:
      return server.signal(SIGKILL);
    case End::kShutdown:
      return server.send({{"type", "shutdown"}});
    case End::kEndOfInput:
      return server.close_stdin();
  }
}

// Those that live a second later.
std::vector<pid_t> left_behind(const Ending& ending) {
  ServerProcess server(surviving());
  std::vector<pid_t> all = populate(server);
  // What user code started outlives all other ends, as it does without --survive.
  if (ending.end != End::kClientDies) all = children_of(server.pid());
  EXPECT_GE(all.size(), 4U);
  std::vector<ProcessWatch> watches;
  for (const pid_t each : all) watches.emplace_back(each);
  if (*ending.code != '\0') {
    server.start("print('on', flush=True)\n" + std::string(ending.code));
    server.read_line();
  }
  end(server, ending.end);
  const Clock::time_point deadline = Clock::now() + kGone;
  server.wait_exit();
  std::vector<pid_t> left;
  for (std::size_t n = 0; n < watches.size(); ++n) {
    const auto time = std::chrono::ceil<Millis>(deadline - Clock::now());
    if (!watches[n].ends(std::max(time, Millis(0)))) left.push_back(all[n]);
  }
  for (const pid_t each : left) ::kill(each, SIGKILL);
  return left;
}

// On a noisy machine it may take longer now and then.
TEST_P(SurviveLeftTest, NobodyASecondLater) {
  constexpr int kAttempts = 3;
  std::vector<pid_t> left = left_behind(GetParam());
  for (int n = 1; n < kAttempts && !left.empty(); ++n) left = left_behind(GetParam());
  EXPECT_EQ(left, std::vector<pid_t>());
}

const Ending kEndings[] = {
    {"ClientDies", End::kClientDies, ""},
    {"ClientDiesInALoop", End::kClientDies, "while True: pass"},
    {"ClientDiesInC", End::kClientDies, "sum(range(10**11))"},
    {"ServerKilled", End::kServerKilled, ""},
    {"ServerKilledInALoop", End::kServerKilled, "while True: pass"},
    {"ServerKilledInC", End::kServerKilled, "sum(range(10**11))"},
    {"ServerKilledInAQuestion", End::kServerKilled, "input()"},
    {"ServerKilledInAFlood", End::kServerKilled, "while True: print('x' * 9999)"},
    {"Shutdown", End::kShutdown, ""},
    {"ShutdownInALoop", End::kShutdown, "while True: pass"},
    {"EndOfInput", End::kEndOfInput, ""},
};

INSTANTIATE_TEST_SUITE_P(Endings, SurviveLeftTest, ::testing::ValuesIn(kEndings), CaseName{});

TEST(SurviveProcessesTest, AServerKilledRightAfterAStartOrACrashLeavesNobody) {
  for (int round = 0; round < 10; ++round) {
    ServerProcess server(surviving());
    std::vector<ProcessWatch> watches;
    if (round % 2 != 0) server.execute("import os\nos._exit(1)");
    for (const pid_t each : children_of(server.pid())) watches.emplace_back(each);
    server.signal(SIGKILL);
    server.wait_exit();
    for (const ProcessWatch& each : watches) EXPECT_TRUE(each.ends(kGone));
  }
}

TEST(SurviveProcessesTest, NoZombies) {
  ServerProcess server(surviving());
  server.execute("import os, subprocess");
  for (int round = 0; round < 10; ++round) {
    server.execute("p = subprocess.Popen(['sleep', '600'])\nos._exit(1)");
  }
  server.execute("'the last snapshot is there'");
  server.status();
  const Clock::time_point deadline = Clock::now() + kPatience;
  const auto zombies = [&server] {
    const std::vector<pid_t> children = children_of(server.pid());
    return std::ranges::count_if(children, [](pid_t child) {
      return text_of("/proc/" + std::to_string(child) + "/stat").find(") Z ") != std::string::npos;
    });
  };
  while (zombies() > 0 && Clock::now() < deadline) server.execute("1");
  EXPECT_EQ(zombies(), 0);
}

TEST(SurviveProcessesTest, NoFilesAreLeft) {
  TempDir directory;
  const auto left = [&directory] {
    return std::distance(std::filesystem::directory_iterator(directory.path()), {});
  };
  ServerProcess server(Launch{
      .args = {"--survive"}, .env = {{"TMPDIR", directory.path()}}, .cwd = directory.path()});
  server.execute("x = 1");
  checkpoint(server);
  server.execute("import os\nos._exit(1)");
  EXPECT_EQ(left(), 0);
  server.signal(SIGKILL);
  server.wait_exit();
  EXPECT_EQ(left(), 0);
}

TEST(SurviveProcessesTest, ReadyNamesTheServerAndTheInterpreter) {
  ServerProcess server(surviving());
  EXPECT_EQ(server.ready()["pid"], server.pid());
  EXPECT_NE(server.ready()["python"]["pid"], server.pid());
  const Execution told = server.execute("import os\n[os.getpid(), os.getppid()]");
  EXPECT_EQ(told.value(), Json({server.ready()["python"]["pid"], server.pid()}));
  ASSERT_EQ(server.execute("os.abort()").reason(), "crash");
  EXPECT_EQ(server.execute("os.getppid()").value(), server.pid());
}

TEST(SurviveProcessesTest, TheSystemTakesTheInterpreterFirstWhenMemoryRunsOut) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  checkpoint(server);
  pid_t interpreter = first_interpreter(server);
  for (int round = 0; round < 2; ++round) {
    for (const pid_t each : children_of(server.pid())) {
      // The newest is there a moment before it has gone to sleep.
      const Clock::time_point deadline = Clock::now() + kPatience;
      const auto above = [&] { return score_of(interpreter) > score_of(each); };
      while (each != interpreter && !above() && Clock::now() < deadline) server.status();
      EXPECT_TRUE(each == interpreter || above());
    }
    EXPECT_GT(score_of(interpreter), score_of(server.pid()));
    interpreter = kill_at_rest(server, interpreter)["pid"].get<pid_t>();
    checkpoint(server);
  }
}

TEST(SurviveProcessesTest, WhenTheSystemKillsForMemoryTheErrorSaysSo) {
  const MemoryGroup group(std::size_t{300} << 20U);
  if (!group.made()) GTEST_SKIP() << "no control group can be made here";
  {
    ServerProcess server(surviving());
    std::vector<pid_t> all = children_of(server.pid());
    all.push_back(server.pid());
    for (const pid_t process : all) ASSERT_TRUE(group.add(process));
    server.execute("kept = [1]");
    const Execution lost =
        server.execute("print('on')\nx = []\nwhile True: x.append(bytearray(b'x' * 10**7))");
    EXPECT_EQ(lost.reason(), "crash");
    EXPECT_EQ(lost.out, "on\n");
    EXPECT_EQ(lost.terminal["signal"], "SIGKILL");
    EXPECT_EQ(lost.terminal["restored"], true);
    const auto message = lost.terminal["exception_message"].get<std::string>();
    EXPECT_NE(message.find("out of memory"), message.npos) << message;
    EXPECT_EQ(server.execute("kept").value(), Json({1}));
  }
}

TEST(SurviveProcessesTest, UserCodesWaitsAndSignalsTellOfNoSnapshot) {
  ServerProcess server(surviving());
  server.execute(
      "import os, signal\nseen = []\n"
      "x = signal.signal(signal.SIGCHLD, lambda *a: seen.append(a[0]))");
  for (int n = 0; n < 5; ++n) server.execute("x = " + std::to_string(n));
  checkpoint(server);
  const Execution waited = server.execute(
      "try: waited = os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError: waited = 'no child'\n"
      "[waited, seen]");
  EXPECT_EQ(waited.value(), Json({"no child", Json::array()})) << waited;
}

TEST(SurviveProcessesTest, AChildOfTheUsersIsWaitedForAsEver) {
  ServerProcess server(surviving());
  server.execute(
      "import os, subprocess\np = subprocess.Popen(['sh', '-c', 'read x; exit 7'], "
      "stdin=subprocess.PIPE)");
  for (int n = 0; n < 4; ++n) server.execute("x = 1");
  EXPECT_EQ(server.execute("x = p.communicate(b'go\\n')\np.returncode").value(), 7);
}

TEST(SurviveProcessesTest, APipeOfOneExecutionIsHeldOpenByNobodyElse) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  EXPECT_EQ(server
                .execute("import subprocess\nsubprocess.run(['cat'], input=b'x', "
                         "capture_output=True).stdout.decode()")
                .value(),
            "x");
}

TEST(SurviveProcessesTest, WhatTheLostExecutionStartedEndsAndWhatWasThereBeforeStays) {
  ServerProcess server(surviving());
  const Json earlier =
      server.execute("import os, subprocess\np = subprocess.Popen(['sleep', '600'])\np.pid")
          .value();
  server.execute("'its snapshot is there'");
  const Execution lost = server.execute(
      "q = subprocess.Popen(['sleep', '600'])\nd = subprocess.Popen(['sleep', '600'], "
      "start_new_session=True)\nprint(q.pid, d.pid)\nos.abort()");
  std::istringstream pids(lost.out);
  pid_t started = 0;
  pid_t daemon = 0;
  pids >> started >> daemon;
  EXPECT_TRUE(ProcessWatch(started).ends(kPatience));
  EXPECT_TRUE(ProcessWatch(daemon).lives()) << "a session of its own, as ever";
  EXPECT_TRUE(ProcessWatch(earlier.get<pid_t>()).lives());
  ::kill(earlier.get<pid_t>(), SIGKILL);
  ::kill(daemon, SIGKILL);
}

TEST(SurviveProcessesTest, AnInterruptMeetsNoChildOfAnExecutionBefore) {
  ServerProcess server(surviving());
  server.execute("import subprocess, time");
  for (int round = 0; round < 20; ++round) {
    // Sent at once, so that both fall into one step of the system's clock.
    server.start("p = subprocess.Popen(['sleep', '600'])\nprint(p.pid)");
    const Json id = server.start("time.sleep(600)");
    const ProcessWatch process = printed_process(server);
    server.send({{"type", "interrupt"}, {"execution_id", id}, {"grace", 60}});
    server.finish(id);
    ASSERT_TRUE(process.lives()) << "round " << round;
    ASSERT_EQ(server.execute("p.kill()\np.wait()").value(), -9);
  }
}

TEST(SurviveProcessesTest, MultiprocessingWorksBeforeAndAfter) {
  ServerProcess server(surviving());
  const std::string pool =
      "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool: "
      "x = pool.map(abs, [-1, 2])\nx";
  ASSERT_EQ(server.execute(pool).value(), Json({1, 2}));
  ASSERT_EQ(server.execute("import os\nos.abort()").reason(), "crash");
  EXPECT_EQ(server.execute(pool).value(), Json({1, 2}));
}

TEST(SurviveProcessesTest, AWorkerOfMultiprocessingEndsWithItsLostInterpreter) {
  ServerProcess server(surviving());
  const Execution lost = server.execute(
      "import multiprocessing, os, time\npool = multiprocessing.get_context('fork').Pool(2)\n"
      "print(*[p.pid for p in multiprocessing.active_children()])\nos.abort()");
  ASSERT_EQ(lost.reason(), "crash");
  std::istringstream pids(lost.out);
  int seen = 0;
  for (pid_t pid = 0; pids >> pid; ++seen) EXPECT_TRUE(ProcessWatch(pid).ends(kPatience)) << pid;
  EXPECT_EQ(seen, 2);
}

TEST(SurviveProcessesTest, AtexitHandlersRunInTheLastInterpreterOnly) {
  TempDir directory;
  ServerProcess server(surviving());
  server.execute("import atexit, os\ndef note():\n    with open('" + directory.path("ran") +
                 "', 'a') as f: print('ran', file=f)\nx = atexit.register(note)");
  checkpoint(server);
  ASSERT_EQ(server.execute("os._exit(1)").reason(), "crash");
  ASSERT_EQ(server.execute("os.kill(os.getpid(), 9)").reason(), "crash");
  server.execute("x = 1");
  request(server, {{"type", "undo"}});
  EXPECT_FALSE(std::filesystem::exists(directory.path("ran")));
  server.send({{"type", "shutdown"}, {"id", "s"}});
  server.read_to_end();
  EXPECT_EQ(server.wait_exit(), 0);
  EXPECT_EQ(text_of(directory.path("ran")), "ran\n") << server.describe();
}

TEST(SurviveProcessesTest, HooksOfAForkRunAtEachSnapshotAndInWhatWakes) {
  ServerProcess server(surviving());
  server.execute(
      "import os\nseen = []\nos.register_at_fork(before=lambda: seen.append('before'), "
      "after_in_parent=lambda: seen.append('parent'), after_in_child=lambda: "
      "seen.append('child'))");
  server.execute("1");
  EXPECT_EQ(server.execute("seen[:2]").value(), Json({"before", "parent"}));
  ASSERT_EQ(server.execute("seen.clear()\nos.abort()").reason(), "crash");
  const Execution after = server.execute("seen");
  EXPECT_EQ(std::ranges::count(after.value(), "child"), 1) << after;
}

TEST(SurviveProcessesTest, AHookOfAForkThatFailsIsNoHindrance) {
  ServerProcess server(surviving());
  server.execute(
      "import os\nos.register_at_fork(before=lambda: 1 / 0, after_in_parent=lambda: 1 / 0, "
      "after_in_child=lambda: 1 / 0)\nkept = 1");
  server.execute("1");
  ASSERT_EQ(server.execute("os.abort()").reason(), "crash");
  EXPECT_EQ(server.execute("kept").value(), 1);
}

TEST(SurviveProcessesTest, DaemonThreadsAreGoneAndNamed) {
  ServerProcess server(surviving());
  server.execute(
      "import os, threading, time\ncount = 0\ndef work():\n    global count\n"
      "    while True: count += 1; time.sleep(0.001)\n"
      "threading.Thread(target=work, name='daemon', daemon=True).start()");
  const Execution lost = server.execute("os.abort()");
  EXPECT_EQ(frame_of(lost.frames, "restored")["lost_threads"], Json({"daemon"}));
  EXPECT_EQ(server.execute("before = count\ntime.sleep(0.05)\ncount == before").value(), true);
}

TEST(SurviveProcessesTest, AClientThatBlocksTheSignalOfDeathsIsNoHindrance) {
  sigset_t death;
  sigset_t before;
  sigemptyset(&death);
  sigaddset(&death, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &death, &before);  // what it starts inherits that
  ServerProcess server(surviving());
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  server.execute("import os\nkept = 1");
  EXPECT_EQ(server.execute("os.abort()").reason(), "crash");
  EXPECT_EQ(server.execute("kept").value(), 1);
}

TEST(SurviveProcessesTest, ALimitOnDescriptorsIsNoHindrance) {
  for (const char* limit : {"256", "24"}) {
    ServerProcess server(surviving());
    server.execute("import os, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (" +
                   std::string(limit) + ",) * 2)");
    server.execute("kept = 1");
    for (int round = 0; round < 3; ++round) {
      const Execution lost = server.execute("os.abort()");
      EXPECT_EQ(lost.terminal.value("restored", false), true) << limit << lost;
      EXPECT_EQ(server.execute("kept").value(), 1) << limit;
    }
  }
}

}  // namespace
}  // namespace replwire_tests
