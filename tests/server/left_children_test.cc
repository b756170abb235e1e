// What a session started and left ends with it.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "support/case.h"
#include "support/process_watch.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

// Processes whose command line holds this text.
std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  DIR* folder = ::opendir("/proc");
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    const Fd file(
        ::open(("/proc/" + std::string(entry->d_name) + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC));
    const std::string line = read_capture(file);  // of one that is gone: nothing
    if (line.find(text) != line.npos) found.push_back(std::stoi(entry->d_name));
  }
  ::closedir(folder);
  return found;
}

// A length of sleep that nobody else has.
std::string marker() {
  static int number = 0;
  return "7" + std::to_string(::getpid()) + "." + std::to_string(++number);
}

struct Kept : Case {
  const char* code;  // starts `command`, a list
};

const Kept kLeft[] = {
    {"AChild", "p = subprocess.Popen(command)"},
    {"AHundred", "ps = [subprocess.Popen(command) for _ in range(100)]"},
    {"Forked", "for _ in range(50):\n    if os.fork() == 0: os.execvp(command[0], command)"},
    {"OneThatIgnoresSigterm",
     "p = subprocess.Popen(['sh', '-c', 'trap \"\" TERM; ' + ' '.join(command) + '; ' + ' "
     "'.join(command)])"},
    {"ChildrenOfAChild",
     "p = subprocess.Popen(['sh', '-c', ' '.join(command) + ' & ' + ' '.join(command) + ' & "
     "wait'])"},
    {"StartedByATask", "import asyncio\nawait asyncio.create_subprocess_exec(*command)"},
};

class LeftChildrenTest : public ::testing::TestWithParam<Kept> {};

std::string prelude(const std::string& time) {
  return "import os, subprocess, sys, time\ncommand = ['sleep', '" + time + "']\n";
}

TEST_P(LeftChildrenTest, EndWithTheSession) {
  for (const Launch& launch : {Launch{}, surviving()}) {
    for (const bool shutdown : {false, true}) {
      const std::string time = marker();
      ServerProcess server(launch);
      EXPECT_TRUE(server.execute(prelude(time) + GetParam().code).ok()) << server.describe();
      if (shutdown) server.send({{"type", "shutdown"}});
      server.close_stdin();
      EXPECT_EQ(server.wait_exit(), 0);
      EXPECT_EQ(processes_with(time), std::vector<pid_t>()) << server.describe();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, LeftChildrenTest, ::testing::ValuesIn(kLeft), CaseName{});

TEST(LeftChildrenTest, OneInASessionOfItsOwnGoesOnAndIsNamed) {
  for (Launch launch : {Launch{}, surviving()}) {
    TempDir directory;
    launch.args.insert(launch.args.end(), {"--log", directory.path("log")});
    const std::string time = marker();
    ServerProcess server(launch);
    const Execution started = server.execute(
        prelude(time) + "p = subprocess.Popen(command, start_new_session=True)\np.pid");
    server.close_stdin();
    EXPECT_EQ(server.wait_exit(), 0);
    const std::vector<pid_t> left = processes_with(time);
    EXPECT_EQ(left, std::vector<pid_t>{started.value().get<pid_t>()});
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    EXPECT_NE(read_text(directory.path("log")).find(time), std::string::npos);
  }
}

TEST(LeftChildrenTest, StayWhereThatIsAskedFor) {
  ServerProcess server(options({"--leave-children"}));
  const std::string time = marker();
  server.execute(prelude(time) + "p = subprocess.Popen(command)");
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
  const std::vector<pid_t> left = processes_with(time);
  EXPECT_EQ(left.size(), 1U);
  for (const pid_t pid : left) ::kill(pid, SIGKILL);
}

// Nothing of code that goes on starting children while its client is dead.
const Kept kStarting[] = {
    {"Loop", "while True: subprocess.Popen(command)"},
    {"Shells", "while True: os.system(' '.join(command) + ' & ')"},
    {"Forks",
     "while True:\n    if os.fork() == 0: os.execvp(command[0], command)\n    time.sleep(0.001)"},
    {"Threads",
     "import threading\ndef work():\n    while True: subprocess.Popen(command); time.sleep(0.002)\n"
     "for _ in range(8): threading.Thread(target=work).start()\ntime.sleep(600)"},
    {"FewDescriptors",
     "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))\n"
     "files = []\ntry:\n    while True: files.append(os.open('/dev/null', 0))\nexcept OSError: "
     "pass\n"
     "while True:\n    if os.fork() == 0: os.execvp(command[0], command)\n    time.sleep(0.001)"},
    {"ChildThatGoesOn",
     "p = subprocess.Popen(['sh', '-c', 'while :; do ' + ' '.join(command) + ' & sleep 0.002; "
     "done'])\np.wait()"},
    {"OwnSessions",
     "while True: subprocess.Popen(command, start_new_session=True); time.sleep(0.001)"},
};

class StartingChildrenTest : public ::testing::TestWithParam<Kept> {};

TEST_P(StartingChildrenTest, NoneIsLeft) {
  for (const Launch& launch : {Launch{}, surviving()}) {
    const std::string time = marker();
    ServerProcess server(launch);
    server.start(prelude(time) + "import resource\nprint('go', flush=True)\n" + GetParam().code);
    server.read_line();
    while (processes_with(time).size() < 20) {
    }
    server.close_stdin();
    server.close_stdout();
    server.wait_exit();
    const std::vector<pid_t> left = processes_with(time);
    EXPECT_EQ(left.size(), 0U);
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, StartingChildrenTest, ::testing::ValuesIn(kStarting), CaseName{});

}  // namespace
}  // namespace replwire_tests
