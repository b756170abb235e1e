// What is written below Python, on descriptors 1 and 2: that it arrives, where, and in which order.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

struct Write : Case {
  const char* code;
  std::string out;
  std::string err;
};

class CaptureTest : public ::testing::TestWithParam<Write> {};

TEST_P(CaptureTest, Arrives) {
  ServerProcess server;
  const Execution execution = server.execute(GetParam().code, {{"silent", true}});
  EXPECT_TRUE(execution.ok()) << execution;
  EXPECT_TRUE(execution.out == GetParam().out) << execution;
  EXPECT_TRUE(execution.err == GetParam().err) << execution;
  for (const Json& frame : execution.frames) EXPECT_FALSE(frame.value("late", false));
}

std::vector<Write> writes() {
  return {
      {"OsWrite", "import os\nos.write(1, b'one')\nos.write(2, b'two')", "one", "two"},
      {"Printf", "import ctypes\nctypes.CDLL(None).printf(b'%s\\n', b'from C')", "from C\n"},
      {"PrintfWithoutNewline", "import ctypes\nctypes.CDLL(None).printf(b'tail')", "tail"},
      {"Perror", "import ctypes\nctypes.CDLL(None).perror(b'mine')", "", "mine: Success\n"},
      {"System", "import os\nos.system('echo out; echo err >&2')", "out\n", "err\n"},
      {"Inherited", "import subprocess\nsubprocess.run('echo out; echo err >&2', shell=True)",
       "out\n", "err\n"},
      {"PopenStdout", "import subprocess, sys\nsubprocess.run(['echo', 'x'], stdout=sys.stdout)",
       "x\n"},
      {"PopenCrossed", "import subprocess, sys\nsubprocess.run(['echo', 'x'], stdout=sys.stderr)",
       "", "x\n"},
      {"Fileno", "import os, sys\nos.write(sys.stdout.fileno(), b'x')", "x"},
      {"FilenoOfStderr", "import os, sys\nos.write(sys.stderr.fileno(), b'x')", "", "x"},
      {"UnderscoreStdout", "import sys\nprint('x', file=sys.__stdout__)", "x\n"},
      {"UnderscoreStderr", "import sys\nprint('x', file=sys.__stderr__)", "", "x\n"},
      {"OpenedByNumber", "with open(1, 'w', closefd=False) as f: print('x', file=f)", "x\n"},
      {"OpenedByName", "with open('/dev/stdout', 'w') as f: print('x', file=f)", "x\n"},
      {"Duplicate", "import os\nfd = os.dup(1)\nos.write(fd, b'x')\nos.close(fd)", "x"},
      {"Nul", "import os\nos.write(1, b'a\\0b')", std::string("a\0b", 3)},
      {"SplitCharacter", "import os\nos.write(1, b'\\xe4\\xb8')\nos.write(1, b'\\xad')", "\u4e2d"},
      {"SplitCharacterSlowly",
       "import os, time\nos.write(1, b'\\xf0\\x9f')\ntime.sleep(0.03)\n"
       "os.write(1, b'\\x98')\ntime.sleep(0.03)\nos.write(1, b'\\x80')",
       "\U0001f600"},
      {"SplitCharacterOnBoth",
       "import os\nos.write(1, b'\\xe4\\xb8')\nos.write(2, b'\\xc3')\n"
       "os.write(1, b'\\xad')\nos.write(2, b'\\xbc')",
       "\u4e2d", "\u00fc"},
      {"CutCharacter", "import os\nos.write(1, b'x\\xe4\\xb8')", "x\ufffd"},
      {"NotUtf8", "import os\nos.write(1, b'a\\xffb\\xc0\\xafc')", "a\ufffdb\ufffd\ufffdc"},
      {"Surrogate", "print('a\\udc80b')", "a\\udc80b\n"},
      {"CHoldsTheInterpreter",
       "import ctypes\nn = ctypes.PyDLL(None).write(1, b'x' * 1_000_000, 1_000_000)\n"
       "assert n == 1_000_000",
       std::string(1'000'000, 'x')},
      {"PutsHoldsTheInterpreter",
       "import ctypes\nlibc = ctypes.PyDLL(None)\nline = b'x' * 99_999\n"
       "for _ in range(10): libc.puts(line)\nlibc.fflush(None)",
       [] {
         std::string all;
         for (int n = 0; n < 10; ++n) all += std::string(99'999, 'x') + "\n";
         return all;
       }()},
  };
}

INSTANTIATE_TEST_SUITE_P(Writes, CaptureTest, ::testing::ValuesIn(writes()), CaseName{});

TEST(CaptureOrderTest, PrintChildPrint) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import os\nfor n in range(100):\n    print('before', n)\n"
      "    os.system(f'echo child {n}')\n    print('after', n)",
      {{"silent", true}});
  std::string expected;
  for (int n = 0; n < 100; ++n) {
    const std::string number = " " + std::to_string(n) + "\n";
    expected += "before" + number + "child" + number + "after" + number;
  }
  EXPECT_EQ(execution.out, expected);
}

TEST(CaptureOrderTest, PrintAndWriteAlternate) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import os\nfor n in range(5000):\n    print(2 * n)\n"
      "    size = os.write(1, b'%d\\n' % (2 * n + 1))");
  std::string expected;
  for (int n = 0; n < 10'000; ++n) expected += std::to_string(n) + "\n";
  EXPECT_TRUE(execution.out == expected) << execution;
}

// Between the streams too, wherever Python waits for a child.
TEST(CaptureOrderTest, BothStreamsAroundAChild) {
  ServerProcess server;
  const Execution execution = server.execute(R"(
import subprocess, sys
for n in range(50):
    print('o', file=sys.stderr)
    done = subprocess.run(['echo', 'c'])
    print('e', file=sys.stderr)
)");
  std::string together;
  std::string expected;
  for (const Json& frame : execution.frames) {
    if (frame["type"] == "output") together += frame["data"].get<std::string>();
  }
  for (int n = 0; n < 50; ++n) expected += "o\nc\ne\n";
  EXPECT_EQ(together, expected);
}

TEST(CaptureOrderTest, OutputPrecedesTheResult) {
  ServerProcess server;
  for (int n = 0; n < 200; ++n) {
    const std::string code = n % 2 ? "import os\nsize = os.write(1, b'tail')"
                                   : "import os\nx = os.system('printf tail')";
    ASSERT_EQ(server.execute(code).out, "tail") << n;
  }
}

TEST(CaptureOrderTest, OutputPrecedesTheQuestion) {
  ServerProcess server;
  server.start("import os\nsize = os.write(1, b'x\\xe4')\ninput()");
  EXPECT_EQ(output_text(server.read_until("input"), "stdout"), "x\ufffd");
}

TEST(CaptureTest, ALineOf100MegabytesArrivesWhole) {
  ServerProcess server;
  server.start("print('0123456789' * 10_000_000)");
  std::size_t size = 0;
  bool right = true;
  for (Json frame = server.read_frame(); !is_terminal(frame); frame = server.read_frame()) {
    for (const char digit : frame["data"].get_ref<const std::string&>()) {
      right = right && digit == (size == 100'000'000 ? '\n' : static_cast<char>('0' + size % 10));
      ++size;
    }
  }
  EXPECT_EQ(size, 100'000'001u);
  EXPECT_TRUE(right);
}

TEST(CaptureTest, FaulthandlerWritesToStderr) {
  ServerProcess server;
  EXPECT_NE(server.execute("import faulthandler\nfaulthandler.dump_traceback()").err.find("File "),
            std::string::npos);
}

TEST(CaptureTest, AWarningOfTheStandardLibraryArrives) {
  ServerProcess server;
  EXPECT_NE(server.execute("import warnings\nwarnings.warn('mind')").err.find("mind"),
            std::string::npos);
}

TEST(CaptureTest, AtRestWithoutChildrenItBelongsToNobody) {
  ServerProcess server;
  server.execute("import threading, os\nthreading.Timer(0.05, os.write, (1, b'orphan')).start()");
  const Json frame = server.read_until("output").back();
  EXPECT_EQ(frame["execution_id"], nullptr);
  EXPECT_EQ(frame["data"], "orphan");
  EXPECT_EQ(frame["origin"], "fd");
}

TEST(CaptureTest, AChildsOutputAtRestIsItsExecutions) {
  ServerProcess server;
  // The child writes when its execution is over and the file is there.
  server.execute(
      "import os, subprocess\nr, w = os.pipe()\n"
      "p = subprocess.Popen(['sh', '-c', 'read go; echo $go'], stdin=r)");
  server.start("import threading\nthreading.Timer(0.05, os.write, (w, b'orphan\\n')).start()");
  server.read_until(is_terminal);
  const Json frame = server.read_until("output").back();
  EXPECT_EQ(frame["execution_id"], "t1");
  EXPECT_EQ(frame["late"], true);
  EXPECT_EQ(frame["execution_count"], 1);
  EXPECT_EQ(frame["data"], "orphan\n");
}

// What code that began in one execution prints while or after others run.
struct LateWriter : Case {
  const char* code;
};

class LateOutputTest : public ::testing::TestWithParam<LateWriter> {};

TEST_P(LateOutputTest, CarriesTheExecutionThatStartedIt) {
  ServerProcess server;
  const Execution first = server.execute(GetParam().code, {{"id", "first"}});
  ASSERT_TRUE(first.ok()) << first;
  server.start("print('mine')\ngo.set()\ndone.wait(20)\nprint('mine too')", {{"id", "second"}});
  std::string late;
  std::string mine;
  for (const Json& frame : server.read_until(is_terminal)) {
    if (frame["type"] != "output") continue;
    const bool is_late = frame.value("late", false);
    EXPECT_EQ(frame["execution_id"], is_late ? "first" : "second");
    EXPECT_EQ(frame.contains("execution_count"), is_late);
    EXPECT_EQ(frame.value("execution_count", 1), first.terminal["execution_count"]);
    (is_late ? late : mine) += frame["data"].get<std::string>();
  }
  EXPECT_EQ(late, "late 0\nlate 1\nlate 2\n");
  EXPECT_EQ(mine, "mine\nmine too\n");
}

const LateWriter kLateWriters[] = {
    {"Thread",
     R"(
import threading
go, done = threading.Event(), threading.Event()
def work():
    go.wait()
    for n in range(3): print('late', n)
    done.set()
threading.Thread(target=work).start())"},
    {"ThreadOfAThread",
     R"(
import threading
go, done = threading.Event(), threading.Event()
def work():
    go.wait()
    for n in range(3): print('late', n)
    done.set()
outer = threading.Thread(target=lambda: threading.Thread(target=work).start())
outer.start()
outer.join())"},
    {"Pool",
     R"(
import threading, concurrent.futures
go, done = threading.Event(), threading.Event()
def work():
    go.wait()
    for n in range(3): print('late', n)
    done.set()
pool = concurrent.futures.ThreadPoolExecutor(1)
future = pool.submit(work))"},
    {"Task",
     R"(
import asyncio, threading
go, done = threading.Event(), threading.Event()
async def work():
    while not go.is_set(): await asyncio.sleep(0.001)
    for n in range(3): print('late', n)
    done.set()
async def start():
    task = asyncio.get_running_loop().create_task(work())
    await task
threading.Thread(target=asyncio.run, args=(start(),)).start())"},
};

INSTANTIATE_TEST_SUITE_P(Writers, LateOutputTest, ::testing::ValuesIn(kLateWriters), CaseName{});

// A pool's thread belongs to the execution that made it, whoever's function it runs.
TEST(LateOutputTest, SeveralExecutionsShareAPool) {
  ServerProcess server;
  server.execute(R"(
import threading, concurrent.futures
pool = concurrent.futures.ThreadPoolExecutor(2, 'worker')
go = threading.Event()
def work(name):
    go.wait()
    for n in range(100): print(f'{threading.current_thread().name} {name}{n}\n', end='')
futures = [])");
  for (const char* name : {"a", "b", "c", "d"}) {
    server.execute("futures.append(pool.submit(work, '" + std::string(name) + "'))",
                   {{"id", name}});
  }
  server.start("go.set()\nfor future in futures: future.result()", {{"id", "last"}});
  std::map<std::string, std::string> texts;
  for (const Json& frame : server.read_until(is_terminal)) {
    if (frame["type"] != "output") continue;
    EXPECT_EQ(frame.value("late", false), true);
    texts[frame["execution_id"]] += frame["data"].get<std::string>();
  }
  EXPECT_EQ(texts.size(), 2u);
  EXPECT_EQ(std::ranges::count(texts["a"], '\n') + std::ranges::count(texts["b"], '\n'), 400);
  EXPECT_EQ(texts["a"].find("worker_1"), std::string::npos);
  EXPECT_EQ(texts["b"].find("worker_0"), std::string::npos);
}

}  // namespace
}  // namespace replwire_tests
