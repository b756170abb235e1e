// What the program is started with and in, besides its arguments: signals, descriptors, limits, no
// /proc, process 1; and what user code does to these.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/case.h"
#include "support/process_watch.h"
#include "support/run_program.h"
#include "support/server_process.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

// While one lives, the program is started by these lines of shell; it is "$REAL".
class StartedBy {
 public:
  explicit StartedBy(const std::string& lines) {
    const std::string script = folder_.write(
        "start", "#!/bin/bash\nset -e\nREAL='" + program_path() + "'\n" + lines + "\n");
    ::chmod(script.c_str(), 0700);
    ::setenv("REPLWIRE_PROGRAM", script.c_str(), 1);
  }
  ~StartedBy() { ::unsetenv("REPLWIRE_PROGRAM"); }
  const TempDir& folder() const { return folder_; }

 private:
  TempDir folder_;
};

bool may_unshare() { return std::system("unshare -p -f --mount-proc true 2>/dev/null") == 0; }

class SurroundingsTest : public testing::TestWithParam<bool> {
 protected:
  static Launch launch() { return GetParam() ? surviving() : Launch{}; }
};
INSTANTIATE_TEST_SUITE_P(Mode, SurroundingsTest, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Survive" : "OneProcess"; });

void expect_interrupts_arrive(ServerProcess& server) {
  server.execute("import time");
  const Json id = server.start("input()\ntime.sleep(1000)");
  server.answer("");
  server.status();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).exception(), "KeyboardInterrupt");
  EXPECT_EQ(server.execute("time.sleep(1000)", {{"timeout", 0.05}}).reason(), "timeout");
}

TEST_P(SurroundingsTest, SignalsThatWereBlockedArrive) {
  const StartedBy start(
      "exec python3 -c 'import os, signal, sys\n"
      "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
      "os.execv(sys.argv[1], sys.argv[1:])' \"$REAL\" \"$@\"");
  ServerProcess server(launch());
  expect_interrupts_arrive(server);
  EXPECT_EQ(server.execute("import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [])").repr(),
            "set()");
}

TEST_P(SurroundingsTest, InterruptsNeedNoQueueOfSignals) {
  const StartedBy start("ulimit -i 0; exec \"$REAL\" \"$@\"");
  ServerProcess server(launch());
  expect_interrupts_arrive(server);
}

TEST_P(SurroundingsTest, StandardErrorMayBeClosed) {
  const StartedBy start("exec \"$REAL\" \"$@\" 2<&-");
  ServerProcess server(launch());
  EXPECT_EQ(server.execute("f = open('/dev/null'); f.fileno() > 2").repr(), "True");
  EXPECT_EQ(server.execute("import os; os.write(2, b'x')").err, "x");
}

TEST_P(SurroundingsTest, WithoutStandardInputTheSessionEnds) {
  const StartedBy start("exec \"$REAL\" \"$@\" 0<&-");
  const ProgramRun run = run_program(launch());
  EXPECT_EQ(run.status, 0);
  EXPECT_NE(run.out.find("\"type\":\"ready\""), std::string::npos);
}

TEST_P(SurroundingsTest, WithoutAnyStreamItEndsToo) {
  const StartedBy start("exec \"$REAL\" \"$@\" 0<&- 1<&- 2<&-");
  EXPECT_EQ(run_program(launch()).status, 0);
}

// One line, or a session.
TEST_P(SurroundingsTest, TooLittleAddressSpaceIsSaid) {
  const StartedBy start("ulimit -v 20000; exec \"$REAL\" \"$@\"");
  const ProgramRun run = run_program(launch());
  EXPECT_GT(run.status, 0) << run.err;
  EXPECT_FALSE(run.err.empty());
  EXPECT_EQ(run.err.find("terminate called"), std::string::npos) << run.err;
}

void expect_session_or_line(const Launch& launch) {
  const ProgramRun run = run_program(launch, "{\"type\":\"execute\",\"id\":1,\"code\":\"1+1\"}\n");
  EXPECT_GE(run.status, 0) << run.err;
  EXPECT_EQ(run.err.find("terminate called"), std::string::npos) << run.err;
  if (run.status == 0) {
    EXPECT_NE(run.out.find("\"repr\":\"2\""), std::string::npos) << run.out << run.err;
  } else {
    EXPECT_NE(run.err.find("replwire: "), std::string::npos) << run.err << run.out;
  }
}

// The processes with this in their environment.
std::vector<pid_t> marked(const std::string& mark) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "environ");
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    if (all.find(mark) != std::string::npos) found.push_back(std::stoi(entry.path().filename()));
  }
  return found;
}

TEST_P(SurroundingsTest, TooFewDescriptorsAreSaid) {
  const std::string mark = "REPLWIRE_MARK=" + std::to_string(::getpid()) + ".";
  for (int limit = 4; limit <= 48; limit += 2) {
    SCOPED_TRACE(limit);
    const StartedBy start("ulimit -n " + std::to_string(limit) + "; " + mark +
                          " exec \"$REAL\" \"$@\"");
    expect_session_or_line(launch());
  }
  for (const pid_t process : marked(mark)) EXPECT_TRUE(ProcessWatch(process).ends(Millis(5000)));
}

TEST_P(SurroundingsTest, TooFewProcessesAreSaid) {
  if (::getuid() != 0) GTEST_SKIP() << "only root may start as a user who runs nothing else";
  for (int limit = 0; limit <= 6; ++limit) {
    SCOPED_TRACE(limit);
    const StartedBy start("ulimit -u " + std::to_string(limit) +
                          "\nexec setpriv --reuid 61234 --clear-groups \"$REAL\" \"$@\"");
    expect_session_or_line(launch());
  }
}

TEST_P(SurroundingsTest, SharedMemoryThatIsFullDoesNoHarm) {
  if (!may_unshare()) GTEST_SKIP() << "no namespace can be made here";
  const StartedBy start(
      "exec unshare -m sh -c 'mount -t tmpfs -o size=4k none /dev/shm\n"
      "head -c 4096 /dev/zero >/dev/shm/all; exec \"$@\"' sh \"$REAL\" \"$@\"");
  ServerProcess server(launch());
  EXPECT_EQ(server.execute("open('/dev/shm/more', 'wb', 0).write(bytes(9))").exception(),
            "OSError");
  EXPECT_EQ(server.execute("for n in range(1000): print(n)").out.size(), 3890u);
}

TEST_P(SurroundingsTest, VariablesOfPythonThatOthersSetDoNoHarm) {
  Launch with = launch();
  with.env = {{"PYTHONEXECUTABLE", "/nowhere/python"}, {"PYTHONWARNDEFAULTENCODING", "1"}};
  ServerProcess server(with);
  const Execution execution = server.execute("1 +\nx");
  EXPECT_EQ(execution.exception(), "SyntaxError");
  EXPECT_EQ(server.execute("1/0").err, "");
  EXPECT_EQ(server.execute("1+1").repr(), "2");
}

TEST_P(SurroundingsTest, AsProcessOneADeathIsTheEnd) {
  if (!may_unshare()) GTEST_SKIP() << "no namespace of processes can be made here";
  const StartedBy start("exec unshare -p -f --kill-child --mount-proc \"$REAL\" \"$@\"");
  ServerProcess server(launch());
  EXPECT_NE(server.execute("import os; os.getpid()").repr(), "1");
  // An orphan is reaped.
  const Execution orphan = server.execute(
      "import subprocess, time\n"
      "pid = int(subprocess.check_output(['sh', '-c', 'sleep 0 >/dev/null & echo $!']))\n"
      "while os.path.exists(f'/proc/{pid}'): time.sleep(0.001)",
      {{"timeout", 10}});
  EXPECT_TRUE(orphan.ok()) << orphan;
  if (!GetParam()) {
    server.start("os.abort()");
    server.read_until("fatal");
    EXPECT_EQ(server.wait_exit(), 128 + SIGABRT);
  } else {
    server.close_stdin();
    EXPECT_EQ(server.wait_exit(), 0);
  }
}

TEST_P(SurroundingsTest, WithoutProcNothingIsLoadedFromTheWorkingDirectory) {
  if (!may_unshare()) GTEST_SKIP() << "no namespace can be made here";
  const StartedBy start("exec unshare -m sh -c 'umount -l /proc; exec \"$@\"' sh \"$REAL\" \"$@\"");
  start.folder().write("_replwire.abi3.so", "not a module");
  Launch with = launch();
  with.cwd = start.folder().path();
  with.await_ready = false;
  const ProgramRun run = run_program(with);
  EXPECT_EQ(run.err.find("file too short"), std::string::npos) << run.err;
  EXPECT_EQ(run.err.find("ELF"), std::string::npos) << run.err;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_P(SurroundingsTest, ProcessesAreCalledReplwire) {
  ServerProcess server(launch());
  for (const pid_t pid : {server.pid(), first_interpreter(server)}) {
    const std::string folder = "/proc/" + std::to_string(pid);
    EXPECT_EQ(text_of(folder + "/comm"), "replwire\n");
    const std::string line = text_of(folder + "/cmdline");
    const std::string name = line.substr(0, line.find('\0'));
    EXPECT_TRUE(name.ends_with("replwire")) << line;
    EXPECT_EQ(line.find("refusal"), std::string::npos) << line;
  }
}

TEST_P(SurroundingsTest, ALimitOfNoDescriptorsLeavesOutputInOrderAndWaitsAsleep) {
  ServerProcess server(launch());
  server.execute(
      "import os, resource, time\n"
      "most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
      "resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))");
  const Execution execution =
      server.execute("for i in range(1000):\n    os.write(1, b'a'); print('b', end='')");
  std::string expected;
  for (int i = 0; i < 1000; ++i) expected += "ab";
  EXPECT_EQ(execution.out, expected);
  const Execution waits =
      server.ask("before = time.process_time(); input(); time.process_time() - before < 0.05", "x");
  EXPECT_EQ(waits.repr(), "True");
}

TEST(ClosedDescriptorTest, AClosedEpollOrTimerDescriptorIsFatal) {
  for (const char* kind : {"eventpoll", "timerfd"}) {
    ServerProcess server;
    server.start(
        "import os\n"
        "for name in os.listdir('/proc/self/fd'):\n"
        "    try:\n"
        "        if '" +
        std::string(kind) +
        "' in os.readlink('/proc/self/fd/' + name): os.close(int(name))\n"
        "    except OSError: pass\n");
    const auto frames = server.read_to_end();
    EXPECT_EQ(frames.back()["type"], "fatal") << frames.back();
    EXPECT_NE(server.wait_exit(), 0);
  }
}

// Linux forgets what ends a process with its parent when that process changes its user.
TEST(OtherUserTest, AnInterpreterOfAnotherUserEndsWithItsServer) {
  if (::getuid() != 0) GTEST_SKIP() << "only root may become another user";
  ServerProcess server(surviving());
  const Fd interpreter = open_pidfd(first_interpreter(server));
  server.execute("import os");
  server.start("os.setuid(65534)\nprint('there', flush=True)\nwhile True: pass");
  server.read_line();
  ::kill(server.pid(), SIGKILL);
  EXPECT_TRUE(wait_for(interpreter.get(), POLLIN, Clock::now() + kPatience));
}

}  // namespace
}  // namespace replwire_tests
