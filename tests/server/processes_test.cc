// What user code does to its descriptors, and what its children may not do to the session.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/case.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

struct Mischief : Case {
  const char* code;
};

std::string case_code(const Mischief& mischief) { return mischief.code; }

class ClosedStreamTest : public ::testing::TestWithParam<Mischief> {};

TEST_P(ClosedStreamTest, TheNextExecutionPrintsAndAnswers) {
  ServerProcess server;
  server.execute("import os, sys\n" + case_code(GetParam()));
  const Execution next = server.execute(
      "import os, subprocess, sys\nprint('out')\nprint('err', file=sys.stderr)\n"
      "size = os.write(1, b'fd 1\\n') + os.write(2, b'fd 2\\n')\n"
      "done = subprocess.run(['echo', 'child'])\n'answered'");
  EXPECT_EQ(next.value(), "answered") << next;
  EXPECT_EQ(next.out, "out\nfd 1\nchild\n");
  EXPECT_EQ(next.err, "err\nfd 2\n");
  EXPECT_EQ(server.ask("input()", "asked").value(), "asked");
  EXPECT_EQ(server.execute("subprocess.run(['cat']).returncode").value(), 0);
}

const Mischief kMischiefs[] = {
    {"Stdout", "sys.stdout.close()"},
    {"Stderr", "sys.stderr.close()"},
    {"Stdin", "sys.stdin.close()"},
    {"UnderscoreStreams", "sys.__stdout__.close()\nsys.__stderr__.close()\nsys.__stdin__.close()"},
    {"Exit", "exit()"},
    {"Fd0", "os.close(0)"},
    {"Fd1", "os.close(1)"},
    {"Fd2", "os.close(2)"},
    {"Fds012", "os.close(0)\nos.close(1)\nos.close(2)"},
    {"ClosedByC", "import ctypes\nn = [ctypes.CDLL(None).close(fd) for fd in (0, 1, 2)]"},
    {"FdOpenedInItsPlace",
     "os.close(1)\nos.close(0)\nfd = os.open('/dev/null', os.O_RDWR)\nos.close(fd)"},
    {"CloseRange", "os.closerange(3, 256)"},
    {"CloseRangeAll", "os.closerange(0, 256)"},
    {"Files", "for fd in range(3, 100):\n    try: os.fdopen(fd).close()\n    except OSError: pass"},
};

INSTANTIATE_TEST_SUITE_P(Mischiefs, ClosedStreamTest, ::testing::ValuesIn(kMischiefs), CaseName{});

TEST(ReplacedStreamTest, NoStreamAtAllIsPutBack) {
  ServerProcess server;
  EXPECT_TRUE(server.execute("import sys\nsys.stdout = sys.stderr = None\nprint('x')").ok());
  const Execution next = server.execute("print('y')\nprint('z', file=sys.stderr)\n'answered'");
  EXPECT_EQ(next.value(), "answered");
  EXPECT_EQ(next.out, "y\n");
  EXPECT_EQ(next.err, "z\n");
}

TEST(ReplacedStreamTest, AnotherStreamIsTheUsersChoice) {
  ServerProcess server;
  server.execute("import io, sys\nsys.stdout = mine = io.StringIO()");
  EXPECT_EQ(server.execute("print('x')\nmine.getvalue()").value(), "x\n");
  EXPECT_EQ(server.execute("sys.stdout = sys.__stdout__\nprint('y')").out, "y\n");
}

TEST(ReplacedStreamTest, ADescriptorDuplicatedOverIsTheUsersChoice) {
  TempDir directory;
  ServerProcess server;
  server.execute("import os\nf = open('" + directory.path("file") +
                 "', 'w')\nsaved = os.dup(1)\nos.dup2(f.fileno(), 1)");
  EXPECT_EQ(server.execute("size = os.system('echo child')").out, "");
  EXPECT_EQ(read_text(directory.path("file")), "child\n");
  EXPECT_EQ(server.execute("os.dup2(saved, 1)\nsize = os.system('echo back')").out, "back\n");
}

TEST(ReplacedStreamTest, ADuplicateOfADuplicateComesThrough) {
  ServerProcess server;
  EXPECT_EQ(server.execute("import os\nos.dup2(2, 1)\nx = os.write(1, b'crossed')").err, "crossed");
  EXPECT_EQ(server.execute("print('python')").out, "python\n");
}

class PrivateDescriptorTest : public ::testing::TestWithParam<Mischief> {};

TEST_P(PrivateDescriptorTest, EndsWithLastWords) {
  ServerProcess server;
  server.start("import os\nprint('before', flush=True)\n" + case_code(GetParam()) +
               "\nprint('after')\nimport time\nfor _ in range(2000): time.sleep(0.01); print('x')");
  const std::vector<Json> frames = server.read_to_end();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back()["type"], "fatal") << server.describe();
  EXPECT_EQ(output_text(frames, "stdout").substr(0, 7), "before\n");
  EXPECT_NE(server.wait_exit(), 0);
}

const Mischief kPrivateMischiefs[] = {
    {"CloseRange", "os.closerange(3, 9999)"},
    {"CloseRangeAll", "os.closerange(0, 1 << 20)"},
    {"CloseFrom", "import ctypes\nctypes.CDLL(None).closefrom(3)"},
    {"OneByOne",
     "for fd in sorted(map(int, os.listdir('/proc/self/fd'))):\n"
     "    try: os.close(fd)\n    except OSError: pass"},
};

INSTANTIATE_TEST_SUITE_P(Mischiefs, PrivateDescriptorTest, ::testing::ValuesIn(kPrivateMischiefs),
                         CaseName{});

TEST(PrivateDescriptorTest, HitAtTheEndOfAnExecutionEndsWithLastWords) {
  ServerProcess server;
  // In one write: the server may be gone before a second.
  server.send_bytes(
      "{\"type\": \"execute\", \"code\": \"import os\\nos.closerange(3, 9999)\"}\n"
      "{\"type\": \"execute\", \"code\": \"'next'\"}\n");
  const std::vector<Json> frames = server.read_to_end();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back()["type"], "fatal") << server.describe();
}

struct Child : Case {
  const char* code;
  const char* out;
};

class ChildTest : public ::testing::TestWithParam<Child> {};

// With output pending before the fork: it must not come twice.
TEST_P(ChildTest, WhatItPrintsArrivesOnce) {
  TempDir directory;
  directory.write("importable.py",
                  "import os\ndef square(n):\n    print('square\\n', end='', flush=True)\n"
                  "    return n * n\n");
  ServerProcess server(Launch{.env = {{"PYTHONPATH", directory.path()}}});
  const Execution execution = server.execute(
      "import os, sys\nprint('pending')\nx = sys.stdout.write('')\n" + std::string(GetParam().code),
      {{"id", "parent"}, {"silent", true}});
  EXPECT_TRUE(execution.ok()) << execution << server.stderr_text();
  EXPECT_EQ(execution.out, std::string("pending\n") + GetParam().out) << execution;
  EXPECT_EQ(execution.err, "");
  EXPECT_EQ(server.execute("'alive'").value(), "alive");
  server.close_stdin();
  EXPECT_TRUE(server.read_to_end().empty());
  EXPECT_EQ(server.wait_exit(), 0);
}

const Child kChildren[] = {
    {"Fork", R"(
pid = os.fork()
if pid == 0:
    print('child')
    os._exit(0)
os.waitpid(pid, 0)
print('parent'))",
     "child\nparent\n"},
    {"ForkThatComesToTheEnd", R"(
pid = os.fork()
if pid: os.waitpid(pid, 0)
print('parent' if pid else 'child'))",
     "child\nparent\n"},
    {"ForkThatExits", R"(
pid = os.fork()
if pid == 0:
    print('child')
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))",
     "child\n3\n"},
    {"ForkOfAFork", R"(
pid = os.fork()
if pid == 0:
    print('child')
    inner = os.fork()
    if inner == 0:
        print('grandchild')
        os._exit(0)
    os.waitpid(inner, 0)
    print('child again')
    os._exit(0)
os.waitpid(pid, 0))",
     "child\ngrandchild\nchild again\n"},
    {"ForkInAThread", R"(
import threading, warnings
warnings.simplefilter('ignore', DeprecationWarning)  # of the user's own thread, from 3.12 on
def work():
    pid = os.fork()
    if pid == 0:
        print('child')
        os._exit(0)
    os.waitpid(pid, 0)
thread = threading.Thread(target=work)
thread.start()
thread.join())",
     "child\n"},
    {"ForkThatCrashes", R"(
import signal
pid = os.fork()
if pid == 0:
    print('child')
    os.kill(os.getpid(), signal.SIGSEGV)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))",
     "child\n-11\n"},
    {"Exec", R"(
pid = os.fork()
if pid == 0:
    print('child')
    os.execv('/bin/echo', ['echo', 'image'])
os.waitpid(pid, 0))",
     "child\nimage\n"},
    {"ForkProcess", R"(
import multiprocessing
def work(): print('typed here')
process = multiprocessing.get_context('fork').Process(target=work)
process.start()
process.join()
print(process.exitcode))",
     "typed here\n0\n"},
    {"ForkPoolOfATypedFunction", R"(
import multiprocessing
def cube(n): return n ** 3
with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(cube, range(4))))",
     "[0, 1, 8, 27]\n"},
    {"ForkPool", R"(
import importable, multiprocessing
with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(importable.square, [3, 4])))",
     "square\nsquare\n[9, 16]\n"},
    {"SpawnPool", R"(
import importable, multiprocessing
with multiprocessing.get_context('spawn').Pool(2) as pool: print(pool.map(importable.square, [3, 4])))",
     "square\nsquare\n[9, 16]\n"},
    {"ForkserverPool", R"(
import importable, multiprocessing
with multiprocessing.get_context('forkserver').Pool(2) as pool: print(pool.map(importable.square, [3, 4])))",
     "square\nsquare\n[9, 16]\n"},
    {"ProcessPoolExecutor", R"(
import concurrent.futures, importable
with concurrent.futures.ProcessPoolExecutor(2) as pool: print(list(pool.map(importable.square, [3, 4]))))",
     "square\nsquare\n[9, 16]\n"},
    {"Asyncio", R"(
import asyncio
async def run():
    process = await asyncio.create_subprocess_exec('echo', 'child')
    return await process.wait()
print(asyncio.run(run())))",
     "child\n0\n"},
    {"AsyncioPipes", R"(
import asyncio
async def run():
    process = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1)
    return await process.communicate(b'through cat')
print(asyncio.run(run())[0]))",
     "b'through cat'\n"},
    {"ReadsStdin",
     "import subprocess\nprint(subprocess.run('cat; read x; echo $?', shell=True).returncode)",
     "1\n0\n"},
    {"PythonReadsStdin",
     "import subprocess\nx = subprocess.run([sys.executable, '-c', 'import sys; "
     "print(repr(sys.stdin.read()))'])",
     "''\n"},
    {"ForkReadsStdin", R"(
pid = os.fork()
if pid == 0:
    print(os.read(0, 100))
    os._exit(0)
os.waitpid(pid, 0))",
     "b''\n"},
};

INSTANTIATE_TEST_SUITE_P(Children, ChildTest, ::testing::ValuesIn(kChildren), CaseName{});

TEST(ChildTest, NoneOf10000RequestsIsLost) {
  ServerProcess server;
  server.execute("import os, subprocess");
  std::vector<Json> ids;
  for (int n = 0; n < 10'000; ++n) {
    const std::string number = std::to_string(n);
    const std::string child = n % 1000 == 0     ? "done = subprocess.run(['cat'])\n"
                              : n % 1000 == 500 ? "x = os.system('read x')\n"
                              : n % 1000 == 750
                                  ? "p = os.fork()\nif p == 0: os.read(0, 9); os._exit(0)\n"
                                    "x = os.waitpid(p, 0)\n"
                                  : "";
    ids.push_back(server.start(child + number));
  }
  for (int n = 0; n < 10'000; ++n) ASSERT_EQ(server.finish(ids[n]).value(), n);
}

}  // namespace
}  // namespace replwire_tests
