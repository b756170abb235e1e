// SIGINT that the code itself sends is KeyboardInterrupt, always, as in any Python.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

struct Sent : Case {
  const char* code;
};

constexpr const char* kPrelude =
    "import _thread, asyncio, os, signal, threading, time\n"
    "def in_a_thread(function):\n"
    "    t = threading.Thread(target=function)\n    t.start()\n    t.join()\n"
    "class Shown:\n    def __repr__(self):\n        signal.raise_signal(signal.SIGINT)\n        "
    "return 'shown'\n";

const Sent kSent[] = {
    {"RaiseSignal", "signal.raise_signal(signal.SIGINT)"},
    {"Kill", "os.kill(os.getpid(), signal.SIGINT)"},
    {"InterruptMain", "_thread.interrupt_main()"},
    {"RaiseOfC", "import ctypes\ngetattr(ctypes.CDLL(None), 'raise')(2)"},
    {"KillOfAThread", "in_a_thread(lambda: os.kill(os.getpid(), signal.SIGINT))"},
    {"RaiseSignalOfAThread", "in_a_thread(lambda: signal.raise_signal(signal.SIGINT))"},
    {"InterruptMainOfAThread", "in_a_thread(_thread.interrupt_main)"},
    {"Timer",
     "threading.Timer(0.001, os.kill, (os.getpid(), signal.SIGINT)).start(); time.sleep(20)"},
    {"JustBeforeASystemCall",  // Python looks for signals before it calls `map`, and not in between
     "import ctypes, functools, operator\nlist(map(operator.methodcaller('__call__'), ["
     "functools.partial(getattr(ctypes.CDLL(None), 'raise'), 2), "
     "functools.partial(time.sleep, 20)]))"},
    {"Alarm",
     // It rings on, since one that comes just before the system call does not end it.
     "def rings(*_):\n    signal.setitimer(signal.ITIMER_REAL, 0)\n"
     "    signal.raise_signal(signal.SIGINT)\n"
     "_ = signal.signal(signal.SIGALRM, rings)\n"
     "_ = signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\ntime.sleep(20)"},
    {"InARepr", "Shown()"},
    {"WhileAwaiting", "await asyncio.sleep(0)\nsignal.raise_signal(signal.SIGINT)"},
    {"WhileAwaitingByKill",
     "await asyncio.sleep(0)\nos.kill(os.getpid(), signal.SIGINT)\nawait asyncio.sleep(20)"},
    {"WhileAwaitingInterruptMain", "await asyncio.sleep(0)\n_thread.interrupt_main()"},
};

class OwnSignalTest : public ::testing::TestWithParam<Sent> {};

void always_raises(const Launch& launch) {
  ServerProcess server(launch);
  server.execute(kPrelude);
  for (int n = 0; n < 60; ++n) {
    const Execution execution = server.execute(OwnSignalTest::GetParam().code);
    ASSERT_EQ(execution.exception(), "KeyboardInterrupt") << n << server.describe();
    ASSERT_EQ(execution.reason(), "interrupt");
  }
  EXPECT_EQ(server.execute("'unharmed'").value(), "unharmed");
}

TEST_P(OwnSignalTest, AlwaysRaises) { always_raises(Launch{}); }
TEST_P(OwnSignalTest, AlwaysRaisesWithSurvive) { always_raises(surviving()); }

INSTANTIATE_TEST_SUITE_P(Codes, OwnSignalTest, ::testing::ValuesIn(kSent), CaseName{});

class HandlerOfCTest : public ::testing::TestWithParam<bool> {};

TEST_P(HandlerOfCTest, SeesAnInterrupt) {
  TempDir directory;
  ServerProcess server(GetParam() ? surviving() : Launch{});
  server.execute("import faulthandler, signal, time\nfile = open('" + directory.path("dump") +
                 "', 'w')\nfaulthandler.register(signal.SIGINT, file, chain=True)");
  for (const char* code : {"print('go')\ntime.sleep(20)", "print('go')\nwhile True: pass"}) {
    const Json id = server.start(code);
    server.read_line();
    server.interrupt(id);
    EXPECT_EQ(server.finish(id).exception(), "KeyboardInterrupt");
    EXPECT_NE(read_text(directory.path("dump")).find("most recent call first"), std::string::npos);
    server.execute("file.truncate(0)");
  }
}

INSTANTIATE_TEST_SUITE_P(Survive, HandlerOfCTest, ::testing::Bool());

}  // namespace
}  // namespace replwire_tests
