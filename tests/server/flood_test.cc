// A client that does not read: bounded memory, and a session that can still be steered.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <fstream>

#include "support/case.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;

std::int64_t resident_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::int64_t pages = 0;
  file >> pages >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

// All are stuck when the process's CPU time stands still; `poll` on nothing is the pause between
// two looks.
double cpu_seconds(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string field;
  double ticks = 0;
  for (int n = 1; file >> field; ++n) {
    if (n == 14 || n == 15) ticks += std::stod(field);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

void wait_until_stalled(pid_t pid) {
  const Clock::time_point deadline = Clock::now() + kPatience;
  double before = -1;
  for (int quiet = 0; quiet < 6;) {
    ASSERT_LT(Clock::now(), deadline) << "the flood never stalls";
    const double now = cpu_seconds(pid);
    quiet = now == before ? quiet + 1 : 0;
    before = now;
    ::poll(nullptr, 0, 50);
  }
}

struct Flood : Case {
  const char* code;
};

class FloodTest : public ::testing::TestWithParam<Flood> {
 protected:
  // Marks with a file the moment at which the code has been interrupted.
  std::string code() const {
    return "import os, sys, subprocess, threading\ntry:\n" + std::string(GetParam().code) +
           "\nexcept BaseException:\n    open('" + mark() + "', 'w').close()\n    raise";
  }
  std::string mark() const { return directory_.path("mark"); }
  bool wait_for_mark(Millis patience) const {
    const Clock::time_point deadline = Clock::now() + patience;
    while (::access(mark().c_str(), F_OK) != 0) {
      if (Clock::now() > deadline) return false;
      ::poll(nullptr, 0, 1);
    }
    return true;
  }

  TempDir directory_;
};

TEST_P(FloodTest, MemoryGrowsByLessThanTwiceTheBuffer) {
  ServerProcess server;
  server.execute("import os, sys, subprocess, threading");
  const std::int64_t before = resident_bytes(server.pid());
  server.start(code());
  wait_until_stalled(server.pid());
  EXPECT_LT(resident_bytes(server.pid()) - before, 2 * 8 * kMiB);
}

TEST_P(FloodTest, AnInterruptIsActedOnWithin100Milliseconds) {
  ServerProcess server;
  const Json id = server.start(code());
  wait_until_stalled(server.pid());
  const Clock::time_point sent = Clock::now();
  server.send_line(Json{{"type", "interrupt"}, {"id", "stop"}, {"execution_id", id}}.dump());
  EXPECT_TRUE(wait_for_mark(Millis(5000)));
  EXPECT_LT(Clock::now() - sent, Millis(100));
  EXPECT_EQ(server.finish(id).exception(), "KeyboardInterrupt");
  EXPECT_EQ(server.execute("'alive'").value(), "alive");
}

TEST_P(FloodTest, StatusAndShutdownAreActedOn) {
  ServerProcess server;
  const Json id = server.start(code());
  wait_until_stalled(server.pid());
  server.send_line(R"({"type":"status","id":"s"})");
  server.send_line(R"({"type":"shutdown","id":"bye"})");
  EXPECT_TRUE(wait_for_mark(Millis(2000)));
  const Json status = server.read_until("status_reply").back();
  EXPECT_EQ(status["state"], "busy");
  EXPECT_EQ(status["execution_id"], id);
  EXPECT_EQ(server.read_to_end().back()["type"], "shutdown_reply");
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST_P(FloodTest, AStatusIsTakenThenAndThereWithItsStack) {
  ServerProcess server;
  const Clock::time_point started = Clock::now();
  server.start(code());
  wait_until_stalled(server.pid());
  const std::chrono::duration<double> asked = Clock::now() - started;
  server.send_line(R"({"type":"status","id":"s","stack":true})");
  wait_until_stalled(server.pid());  // nothing has been read meanwhile
  const Json status = server.read_until("status_reply").back();
  EXPECT_LT(status["elapsed"].get<double>(), asked.count() + 0.1);
  ASSERT_TRUE(status.contains("stack")) << status;
  EXPECT_EQ(status["stack"].at(0)["function"], "<module>") << status;
}

const Flood kFloods[] = {
    {"Prints", "    while True: print('x' * 100)"},
    {"LongLines", "    while True: print('x' * 100_000)"},
    {"Stderr", "    while True: print('x' * 100, file=sys.stderr)"},
    {"Controls", "    while True: print('\\x01' * 10_000)"},
    {"OsWrite", "    while True: os.write(1, b'x' * 1000)"},
    {"Child", "    p = subprocess.Popen(['yes'])\n    os.waitpid(p.pid, 0)"},
    {"Thread",
     "    def flood():\n        while go: print('x' * 100)\n    go = True\n"
     "    t = threading.Thread(target=flood, daemon=True)\n    t.start()\n"
     "    try: t.join()\n    finally: go = False"},
};

INSTANTIATE_TEST_SUITE_P(Floods, FloodTest, ::testing::ValuesIn(kFloods), CaseName{});

TEST(FloodTest, AChildThatFloodsDoesNotOutliveAShutdown) {
  ServerProcess server;
  server.execute("import subprocess\np = subprocess.Popen(['yes'])");
  server.send_line(R"({"type":"shutdown","id":"bye"})");
  EXPECT_EQ(server.read_to_end().back()["type"], "shutdown_reply");
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(FloodTest, TheBufferIsWhatTheOptionSays) {
  ServerProcess server(options({"--output-buffer", "1000000"}));
  EXPECT_EQ(server.ready()["limits"]["output_buffer"], 1'000'000);
  const std::int64_t before = resident_bytes(server.pid());
  const Json id = server.start("while True: print('x' * 100)");
  wait_until_stalled(server.pid());
  EXPECT_LT(resident_bytes(server.pid()) - before, 4 * kMiB);
  server.send_line(Json{{"type", "interrupt"}, {"execution_id", id}}.dump());
  EXPECT_LT(server.finish(id).out.size(), 2'500'000u);
}

TEST(FloodTest, WhoeverWaitsLetsOtherThreadsRun) {
  TempDir directory;
  ServerProcess server;
  server.execute(
      "import os, threading, time\ndef watch():\n    n = 0\n    while not stop:\n"
      "        n += 1\n        time.sleep(0.001)\n    open('" +
      directory.path("count") + "', 'w').write(str(n))\nstop = False");
  const Json id = server.start(
      "t = threading.Thread(target=watch)\nt.start()\ntry:\n    while True: print('x' * 1000)\n"
      "finally:\n    stop = True\n    t.join()");
  wait_until_stalled(server.pid());
  server.send_line(Json{{"type", "interrupt"}, {"execution_id", id}}.dump());
  server.finish(id);
  EXPECT_GT(std::stoi(read_text(directory.path("count"))), 50);
}

TEST(FloodTest, WhatWaitedArrivesWholeAndOnce) {
  ServerProcess server;
  const Json id = server.start("for n in range(500_000): print('line', n)");
  wait_until_stalled(server.pid());
  const std::string out = server.finish(id).out;
  std::string expected;
  for (int n = 0; n < 500'000; ++n) expected += "line " + std::to_string(n) + "\n";
  EXPECT_TRUE(out == expected) << out.size() << " bytes for " << expected.size();
}

TEST(FloodTest, AChildsFloodArrivesWhole) {
  ServerProcess server;
  const Json id = server.start("import os\nos.system('seq 1000000')");
  wait_until_stalled(server.pid());
  const std::string out = server.finish(id).out;
  std::string expected;
  for (int n = 1; n <= 1'000'000; ++n) expected += std::to_string(n) + "\n";
  EXPECT_TRUE(out == expected) << out.size() << " bytes for " << expected.size();
}

TEST(FloodTest, OneHugePrintIsSentInBoundedMemory) {
  ServerProcess server;
  server.execute("text = 'x' * 100_000_000");
  const std::int64_t before = resident_bytes(server.pid());
  const Json id = server.start("print(text)");
  wait_until_stalled(server.pid());
  EXPECT_LT(resident_bytes(server.pid()) - before, 3 * 100 * kMiB);
  EXPECT_EQ(server.finish(id).out.size(), 100'000'001u);
}

// ---- values that are long to print ---------------------------------------------------------

TEST(ReprTest, AHugeOneIsCutAt64KiBAndItsLengthSaid) {
  ServerProcess server;
  const Json terminal = server.execute("'x' * 10_000_000").terminal;
  EXPECT_EQ(terminal["repr_truncated"], 10'000'002);
  EXPECT_LE(terminal["repr"].get<std::string>().size(), 64u * 1024);
  EXPECT_GT(terminal["repr"].get<std::string>().size(), 63u * 1024);
  EXPECT_FALSE(terminal.contains("value"));
}

TEST(ReprTest, IsCutInBytesBetweenCharacters) {
  ServerProcess server;
  const Json terminal = server.execute("'\U0001f600' * 100_000").terminal;
  EXPECT_EQ(terminal["repr_truncated"], 100'002);
  EXPECT_LE(terminal["repr"].get<std::string>().size(), 64u * 1024);
  EXPECT_GT(terminal["repr"].get<std::string>().size(), 64u * 1024 - 8);
}

TEST(ReprTest, AHostileOneIsAnError) {
  ServerProcess server;
  for (const char* body : {"return 5", "raise ValueError('no')", "return repr(self)"}) {
    const Execution execution =
        server.execute("class C:\n    def __repr__(self): " + std::string(body) + "\nC()");
    EXPECT_FALSE(execution.ok()) << body;
    EXPECT_EQ(server.execute("'alive'").value(), "alive");
  }
}

class SlowReprTest : public ::testing::TestWithParam<Flood> {};

TEST_P(SlowReprTest, CanBeInterrupted) {
  ServerProcess server;
  const Json id = server.start(std::string(GetParam().code));
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).exception(), "KeyboardInterrupt");
  EXPECT_EQ(server.execute("'alive'").value(), "alive");
}

const Flood kSlowReprs[] = {
    {"OfPython", "class C:\n    def __repr__(self):\n        while True: pass\nprint('go')\nC()"},
    {"OfC", "x = [0]\nfor _ in range(40): x = [x, x]\nprint('go')\nx"},
};

INSTANTIATE_TEST_SUITE_P(Reprs, SlowReprTest, ::testing::ValuesIn(kSlowReprs), CaseName{});

}  // namespace
}  // namespace replwire_tests
