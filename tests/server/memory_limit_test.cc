// `--memory-limit`: what it ends, what it keeps, and what it does not mean.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

Launch limited() { return options({"--memory-limit", "200000000"}); }

struct Greedy : Case {
  const char* code;
};

class MemoryLimitTest : public ::testing::TestWithParam<Greedy> {};

TEST_P(MemoryLimitTest, EndsWithMemoryErrorAndTheSessionLives) {
  ServerProcess server(limited());
  ASSERT_TRUE(server.execute("kept = 'kept'").ok());
  for (int round = 0; round < 3; ++round) {
    const Execution execution = server.execute(GetParam().code);
    EXPECT_EQ(execution.reason(), "memory") << execution;
    EXPECT_EQ(execution.exception(), "MemoryError") << execution;
    EXPECT_LT(server.status()["memory_usage"], 260'000'000);
    ASSERT_EQ(server.execute("kept").value(), "kept");
  }
}

const Greedy kGreedy[] = {
    {"AtOnce", "x = bytearray(10**9)"},
    {"LittleByLittle", "x = []\nwhile True: x.append(bytearray(1000))"},
    {"InAFunction", "def f():\n    x = []\n    while True: x.append('x' * 100_000)\nf()"},
    {"Repr", "'x' * 150_000_000"},
    {"InAThread",
     "import threading\nerrors = []\ndef f():\n    try: x = bytearray(10**9)\n"
     "    except MemoryError as e: errors.append(e)\n"
     "t = threading.Thread(target=f)\nt.start()\nt.join()\nraise errors[0]"},
};
INSTANTIATE_TEST_SUITE_P(Codes, MemoryLimitTest, ::testing::ValuesIn(kGreedy), CaseName{});

TEST(MemoryLimitTest, DoesNotCreepFromOneTimeToTheNext) {
  ServerProcess server(limited());
  for (int round = 0; round < 8; ++round) {
    const Execution execution =
        server.execute("def f():\n    x = []\n    while True: x.append('x' * 100_000)\nf()");
    ASSERT_EQ(execution.reason(), "memory") << execution;
    EXPECT_LT(server.status()["memory_usage"], 230'000'000) << "round " << round;
  }
}

TEST(MemoryLimitTest, CodeThatFreesGoesOn) {
  ServerProcess server(limited());
  server.execute("x = []\nwhile True: x.append(bytearray(10_000_000))");
  EXPECT_GT(server.execute("len(x)").value(), 5);
  ASSERT_TRUE(server.execute("del x").ok());
  EXPECT_EQ(server.execute("len(bytearray(100_000_000))").value(), 100'000'000);
}

TEST(MemoryLimitTest, CodeMayCatchIt) {
  ServerProcess server(limited());
  EXPECT_EQ(server.execute("try: bytearray(10**9)\nexcept MemoryError: x = 'caught'\nx").value(),
            "caught");
}

TEST(MemoryLimitTest, StacksOfThreadsAreNotMeant) {
  ServerProcess server(limited());
  const Execution execution = server.execute(
      "import threading\nthreading.stack_size(64 * 2**20)\ngo = threading.Event()\n"
      "ts = [threading.Thread(target=go.wait) for _ in range(20)]\n"
      "for t in ts: t.start()\nx = bytearray(50_000_000)\ngo.set()\nfor t in ts: t.join()\nlen(x)");
  EXPECT_EQ(execution.value(), 50'000'000) << execution;
}

struct Child : Case {
  const char* code;  // `child` is the source of a child that prints its limit
};
class MemoryLimitChildTest : public ::testing::TestWithParam<Child> {};

TEST_P(MemoryLimitChildTest, IsNotLimited) {
  ServerProcess server(limited());
  server.execute(
      "import multiprocessing, os, resource, subprocess, sys\n"
      "before = resource.getrlimit(resource.RLIMIT_DATA)\n"
      "child = 'import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])'");
  const Execution execution = server.execute(GetParam().code);
  EXPECT_EQ(execution.out, "-1\n") << execution;
  // And its parent still is.
  EXPECT_EQ(server.execute("x = bytearray(10**9)").reason(), "memory");
}

const Child kChildren[] = {
    {"Run", "subprocess.run([sys.executable, '-c', child])"},
    {"System", "os.system(f'{sys.executable} -c \"{child}\"')"},
    {"Spawn",
     "os.waitpid(os.posix_spawn(sys.executable, [sys.executable, '-c', child], os.environ), 0)"},
    {"Fork",
     "pid = os.fork()\nif pid == 0:\n    print(resource.getrlimit(resource.RLIMIT_DATA)[0])\n"
     "    os._exit(0)\nos.waitpid(pid, 0)"},
    {"Exec",
     "pid = os.fork()\nif pid == 0: os.execv(sys.executable, [sys.executable, '-c', child])\n"
     "os.waitpid(pid, 0)"},
};
INSTANTIATE_TEST_SUITE_P(Children, MemoryLimitChildTest, ::testing::ValuesIn(kChildren),
                         CaseName{});

TEST(MemoryLimitTest, NoneUnlessToldSo) {
  ServerProcess server;
  EXPECT_EQ(server.execute("len(bytearray(500_000_000))").value(), 500'000'000);
}

// A limit of the system's, reached to the last byte by pieces of one size or another.
class SystemLimitTest : public ::testing::TestWithParam<const char*> {};

TEST_P(SystemLimitTest, TheErrorIsToldAndWhatFillsTheMemoryCanBeFreed) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute("import resource\nsize = int(open('/proc/self/statm').read().split()[0])"
                           " * 4096\nresource.setrlimit(resource.RLIMIT_AS, (size + (50 << 20),"
                           " -1))\nx = []\ndef fill():\n    while True: x.append(bytes(" +
                           std::string(GetParam()) + "))")
                  .ok());
  for (int n = 0; n < 3; ++n) {
    const Execution full = server.execute("fill()");
    EXPECT_EQ(full.reason(), "memory") << full;
    EXPECT_EQ(full.terminal["frames"].back()["function"], "fill") << full;
    EXPECT_EQ(server.execute("x.clear()\nlen(x)").value(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Pieces, SystemLimitTest, ::testing::Values("100", "5000", "300_000"));

}  // namespace
}  // namespace replwire_tests
