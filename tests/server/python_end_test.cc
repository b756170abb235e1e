// The end loses nothing: Python ends as python3 does, then C.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/process_watch.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

// The ways in which a session runs Python.
struct Way : Case {
  std::vector<std::string> args;
};

std::vector<Way> ways() {
  return {{"Exec", {}},
          {"Embedded", {"--prefer", "embedded"}},
          {"Survive", {"--survive"}},
          {"SurviveEmbedded", {"--survive", "--prefer", "embedded"}}};
}

struct Left : Case {
  const char* code;   // leaves something that has not been written
  const char* check;  // a value that is true when all is there
};

const std::vector<Left> kLeft = {
    {"File", "f = open('out', 'w')\nprint('row', file=f)", "open('out').read() == 'row\\n'"},
    {"FileOfAnError", "def g():\n    f = open('out', 'w'); f.write('row'); 1/0\ng()",
     "open('out').read() == 'row'"},
    {"FileOfATask",
     "import asyncio\nasync def g():\n    f = open('out', 'w'); f.write('row')\n    await "
     "asyncio.sleep(600)\n"
     "t = asyncio.create_task(g())\nawait asyncio.sleep(0)",
     "open('out').read() == 'row'"},
    {"FileOfAContextVariable",
     "import contextvars\nv = contextvars.ContextVar('v')\nf = open('out', "
     "'w')\nf.write('row')\n_ = v.set(f)\ndel f",
     "open('out').read() == 'row'"},
    {"Gzip", "import gzip\nf = gzip.open('out', 'wt')\n_ = f.write('row')",
     "__import__('gzip').open('out', 'rt').read() == 'row'"},
    {"Zip", "import zipfile\nf = zipfile.ZipFile('out', 'w')\nf.writestr('a', 'row')",
     "__import__('zipfile').ZipFile('out').read('a') == b'row'"},
    {"Shelve",
     "import shelve\ns = shelve.open('out', writeback=True)\ns['a'] = [1]\ns['a'].append(2)",
     "__import__('shelve').open('out')['a'] == [1, 2]"},
    {"CFile",
     "import ctypes\nc = ctypes.CDLL(None)\nc.fopen.restype = ctypes.c_void_p\n"
     "f = ctypes.c_void_p(c.fopen(b'out', b'w'))\n_ = c.fputs(b'row', f)",
     "open('out').read() == 'row'"},
    {"CExitHandler",
     "import ctypes\nc = ctypes.CDLL(None)\nc.strdup.restype = ctypes.c_void_p\nopen('gone', "
     "'w').close()\n"
     "_ = c.__cxa_atexit(c.unlink, ctypes.c_void_p(c.strdup(b'gone')), None)",
     "__import__('os').listdir('.') == []"},
    {"TemporaryFile",
     "import tempfile\nf = tempfile.NamedTemporaryFile(dir='.')\nd = "
     "tempfile.TemporaryDirectory(dir='.')",
     "__import__('os').listdir('.') == []"},
    {"Del", "class D:\n    def __del__(self, open=open): open('out', 'w').write('row')\nd = D()",
     "open('out').read() == 'row'"},
    {"Finalize",
     "import weakref\nclass D: pass\nd = D()\n_ = weakref.finalize(d, lambda: open('out', "
     "'w').write('row'))",
     "open('out').read() == 'row'"},
    {"Atexit", "import atexit\n_ = atexit.register(lambda: open('out', 'w').write('row'))",
     "open('out').read() == 'row'"},
    {"MemoryHandler",
     "import logging, logging.handlers\nh = logging.handlers.MemoryHandler(9, "
     "target=logging.FileHandler('out'))\n"
     "logging.getLogger().addHandler(h)\nlogging.warning('row')",
     "open('out').read() == 'row\\n'"},
    {"Thread",
     "import threading, time\n"
     "threading.Thread(target=lambda: (time.sleep(0.2), open('out', 'w').write('row'))).start()",
     "open('out').read() == 'row'"},
    {"Executor",
     "import concurrent.futures, time\n"
     "f = concurrent.futures.ThreadPoolExecutor().submit(lambda: (time.sleep(0.2), open('out', "
     "'w').write('row')))",
     "open('out').read() == 'row'"},
    {"Pool",
     "import multiprocessing\np = multiprocessing.get_context('fork').Pool(2)\n"
     "open('out', 'w').write(str(p.map(abs, [-1])))\nNone",
     "open('out').read() == '[1]'"},
    {"Sqlite",
     "import sqlite3\nd = sqlite3.connect('out')\nd.execute('create table t (a)')\nd.commit()\n"
     "_ = d.execute('insert into t values (1)')",
     "list(__import__('sqlite3').connect('out').execute('select * from t')) == []"},
};

enum class How { kEndOfInput, kShutdown };

void end(ServerProcess& server, How how) {
  if (how == How::kEndOfInput) return server.close_stdin();
  server.send({{"type", "shutdown"}});
}

class PythonEndTest : public ::testing::TestWithParam<Way> {};

void check_all(const Way& way, How how) {
  for (const Left& each : kLeft) {
    SCOPED_TRACE(each.name);
    TempDir directory;
    ServerProcess server(Launch{.args = way.args, .cwd = directory.path()});
    server.execute(each.code);
    end(server, how);
    EXPECT_EQ(server.wait_exit(), 0) << server.describe();
    ServerProcess reader(Launch{.cwd = directory.path()});
    EXPECT_EQ(reader.execute(each.check).value(), true) << server.describe();
  }
}

TEST_P(PythonEndTest, EndOfInputLosesNothing) { check_all(GetParam(), How::kEndOfInput); }
TEST_P(PythonEndTest, ShutdownLosesNothing) { check_all(GetParam(), How::kShutdown); }

TEST_P(PythonEndTest, WhatIsWrittenThenComesBeforeTheLastFrame) {
  ServerProcess server(options(GetParam().args));
  server.execute(
      "import atexit, ctypes, sys, weakref\n"
      "class D:\n    def __del__(self): print('deleted')\n"
      "d = D()\natexit.register(print, 'atexit')\nf = weakref.finalize(sys, print, 'finalized')\n"
      "c = ctypes.CDLL(None)\natexit.register(c.printf, b'half a line') and None");
  server.send({{"type", "shutdown"}});
  std::vector<Json> frames = server.read_to_end();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back()["type"], "shutdown_reply");
  const std::string text = output_text(frames, "stdout");
  for (const char* part : {"deleted\n", "atexit\n", "finalized\n", "half a line"}) {
    EXPECT_NE(text.find(part), text.npos) << part << server.describe();
  }
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST_P(PythonEndTest, TextThatCodeKeepsArrives) {
  for (const char* code :
       {"print('tail', end='')", "import sys\n_ = sys.stdout.buffer.write(b'tail')",
        "import ctypes\n_ = ctypes.CDLL(None).printf(b'tail')",
        "import ctypes\n_ = ctypes.CDLL(None).putchar(116), ctypes.CDLL(None).printf(b'ail')",
        "import ctypes\nc = ctypes.CDLL('libstdc++.so.6')\n"
        "c._ZNSt8ios_base4InitC1Ev(ctypes.create_string_buffer(64))\n"
        "_ = c._ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_PKc("
        "ctypes.byref(ctypes.c_char.in_dll(c, '_ZSt4cout')), b'tail')"}) {
    SCOPED_TRACE(code);
    ServerProcess server(options(GetParam().args));
    EXPECT_EQ(server.execute(code).out, "tail") << server.describe();
  }
}

TEST_P(PythonEndTest, TextOfCComesBeforeAQuestionAndLineByLine) {
  ServerProcess server(options(GetParam().args));
  server.start(
      "import ctypes, sys\nc = "
      "ctypes.CDLL(None)\nc.printf(b'one\\n')\nprint('two')\nc.printf(b'three')\ninput()");
  EXPECT_EQ(output_text(server.read_until("input"), "stdout"), "one\ntwo\nthree");
}

TEST_P(PythonEndTest, TextOfCInAForkedChildArrivesOnce) {
  ServerProcess server(options(GetParam().args));
  const Execution execution = server.execute(
      "import ctypes, os\nc = ctypes.CDLL(None)\nc.printf(b'before ')\n"
      "if os.fork() == 0:\n    c.printf(b'child ')\n    "
      "os._exit(0)\nos.wait()\nc.printf(b'after')\nNone");
  EXPECT_EQ(execution.out, "before child after");
}

// Whatever hangs is cut off, with a line in the log.
TEST_P(PythonEndTest, WhatHangsIsCutOff) {
  const char* codes[] = {
      "import atexit, time\natexit.register(time.sleep, 600)",
      "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()",
      "import time\nclass D:\n    def __del__(self, sleep=time.sleep): sleep(600)\nd = D()",
      "import atexit, ctypes\natexit.register(ctypes.CDLL(None).sleep, 600)"};
  for (const How how : {How::kEndOfInput, How::kShutdown}) {
    for (const char* code : codes) {
      SCOPED_TRACE(code);
      TempDir directory;
      Launch launch = options(GetParam().args);
      launch.args.insert(launch.args.end(),
                         {"--exit-timeout", "0.2", "--log", directory.path("log")});
      ServerProcess server(launch);
      server.execute(code);
      end(server, how);
      EXPECT_EQ(server.wait_exit(), 0);
      EXPECT_NE(read_text(directory.path("log")).find("cut off"), std::string::npos);
    }
  }
}

TEST_P(PythonEndTest, ItCanBeInterrupted) {
  Launch launch = options(GetParam().args);
  launch.args.insert(launch.args.end(), {"--exit-timeout", "0"});
  ServerProcess server(launch);
  server.execute(
      "import atexit, time\natexit.register(print, 'the rest')\n"
      "def hang():\n    print('hangs', flush=True)\n    time.sleep(600)\natexit.register(hang)");
  server.close_stdin();
  server.read_line();
  server.signal(SIGINT);
  const std::vector<Json> frames = server.read_to_end();
  EXPECT_NE(output_text(frames, "stdout").find("the rest"), std::string::npos) << server.describe();
  EXPECT_NE(output_text(frames, "stderr").find("KeyboardInterrupt"), std::string::npos);
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST_P(PythonEndTest, ThreadsThatWantPythonThenDoNoHarm) {
  for (const char* code : {"import threading\nthreading.Thread(target=input, daemon=True).start()",
                           "import threading\nthreading.Thread(target=input).start()",
                           "import threading\ndef spin():\n    while True: "
                           "pass\nthreading.Thread(target=spin, daemon=True).start()",
                           "import threading\ndef spin():\n    while True: print('x' * 1000)\n"
                           "threading.Thread(target=spin, daemon=True).start()"}) {
    SCOPED_TRACE(code);
    ServerProcess server(options(GetParam().args));
    server.execute(code);
    server.close_stdin();
    EXPECT_EQ(server.wait_exit(), 0) << server.describe();
    for (const Json& frame : server.read_to_end()) EXPECT_NE(frame["type"], "fatal");
  }
}

TEST_P(PythonEndTest, OsExitStaysWhatItIs) {
  TempDir directory;
  ServerProcess server(Launch{.args = GetParam().args, .cwd = directory.path()});
  server.execute("f = open('out', 'w')\n_ = f.write('row')");
  server.start("import os\nos._exit(0)");
  server.read_until(
      [](const Json& frame) { return frame["type"] == "fatal" || frame["type"] == "error"; });
  EXPECT_EQ(read_text(directory.path("out")), "");
}

// A child that comes to the end of the code ends as a script.
TEST_P(PythonEndTest, AForkedChildEndsAsAScript) {
  TempDir directory;
  ServerProcess server(Launch{.args = GetParam().args, .cwd = directory.path()});
  server.execute(
      "import os\npid = os.fork()\nif pid == 0: f = open('out', 'w'); _ = f.write('row')\n"
      "else: _ = os.waitpid(pid, 0)");
  EXPECT_EQ(read_text(directory.path("out")), "row");
  EXPECT_EQ(
      server
          .execute(
              "pid = os.fork()\nif pid == 0: 1/0\nos.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])")
          .value(),
      1);
}

INSTANTIATE_TEST_SUITE_P(Ways, PythonEndTest, ::testing::ValuesIn(ways()), CaseName{});

}  // namespace
}  // namespace replwire_tests
