// Exceptions and objects that fight back: reported, and the session lives on.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

struct Hostile : Case {
  const char* code;
  const char* exception;
};

class HostileTest : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileTest, IsReportedAndTheSessionLives) {
  ServerProcess server;
  const Execution execution = server.execute(GetParam().code);
  EXPECT_EQ(execution.exception(), GetParam().exception) << execution;
  EXPECT_EQ(server.execute("print('alive')").out, "alive\n");
  EXPECT_EQ(server.ask("input()", "answered").value(), "answered");
}

const Hostile kHostile[] = {
    {"StrRaises", "class E(Exception):\n    def __str__(self): raise RuntimeError('no')\nraise E",
     "E"},
    {"StrIsNoText", "class E(Exception):\n    def __str__(self): return 5\nraise E", "E"},
    {"StrExits", "class E(Exception):\n    def __str__(self): raise SystemExit(3)\nraise E", "E"},
    {"StrInterrupts",
     "class E(Exception):\n    def __str__(self): raise KeyboardInterrupt\nraise E", "E"},
    {"StrRecurses", "class E(Exception):\n    def __str__(self): return str(self)\nraise E", "E"},
    {"ReprOfTheArgumentRaises",
     "class R:\n    def __repr__(self): raise RuntimeError('no')\nraise KeyError(R())", "KeyError"},
    {"ExcepthookRaises",
     "import sys\ndef hook(*a): raise RuntimeError('bad hook')\nsys.excepthook = hook\n"
     "raise ValueError('the real one')",
     "ValueError"},
    {"ExcepthookExits",
     "import sys\nsys.excepthook = lambda *a: sys.exit(4)\nraise ValueError('the real one')",
     "ValueError"},
    {"ExcepthookIsGone", "import sys\ndel sys.excepthook\nraise ValueError('x')", "ValueError"},
    {"TracebackModuleIsBroken",
     "import traceback, linecache\ntraceback.TracebackException = None\n"
     "traceback.format_exception = None\nlinecache.getline = None\nlinecache.getlines = None\n"
     "raise ValueError('x')",
     "ValueError"},
    {"Recursion", "def f(): f()\nf()", "RecursionError"},
    {"Memory", "x = 'a' * (1 << 62)", "MemoryError"},
    {"RaisedMemoryError", "raise MemoryError", "MemoryError"},
    {"RaisedKeyboardInterrupt", "raise KeyboardInterrupt", "KeyboardInterrupt"},
    {"RaisedGeneratorExit", "raise GeneratorExit", "GeneratorExit"},
    {"BareBaseException", "class B(BaseException): pass\nraise B('x')", "B"},
    {"NotesAreNoList", "e = ValueError('x')\ne.__notes__ = 5\nraise e", "ValueError"},
    {"ModuleNameIsNoText", "class E(Exception): pass\nE.__module__ = 5\nraise E('x')", "E"},
};

INSTANTIATE_TEST_SUITE_P(Cases, HostileTest, ::testing::ValuesIn(kHostile), CaseName{});

TEST(HostileTest, BrokenBuiltinsHurtOnlyTheUser) {
  ServerProcess server;
  server.execute(
      "import builtins\nsaved = vars(builtins).copy()\n"
      "for name in ('print', 'repr', 'str', 'compile', 'exec', 'eval', 'len',\n"
      "             'isinstance', 'type', 'getattr', 'list', 'dict', 'int'):\n"
      "    setattr(builtins, name, None)");
  EXPECT_EQ(server.execute("1 + 1").repr(), "2");
  EXPECT_EQ(server.execute("1 / 0").exception(), "ZeroDivisionError");
  EXPECT_EQ(server.ask("input()", "x").repr(), "'x'");
}

TEST(HostileTest, BrokenModulesHurtOnlyTheUser) {
  ServerProcess server;
  server.execute(
      "import sys\n"
      "for name in ('traceback', 'linecache', 'json', 'inspect', 'ast', 'io'):\n"
      "    sys.modules[name] = None");
  EXPECT_EQ(server.execute("1 + 1").repr(), "2");
  EXPECT_EQ(server.execute("1 / 0").exception(), "ZeroDivisionError");
}

struct Exit : Case {
  const char* code;
  Json exit_code;
};

class SystemExitTest : public ::testing::TestWithParam<Exit> {};

TEST_P(SystemExitTest, EndsTheExecutionNotTheSession) {
  ServerProcess server;
  const Execution execution = server.execute(GetParam().code);
  EXPECT_EQ(execution.exception(), "SystemExit");
  EXPECT_EQ(execution.reason(), "exit");
  ASSERT_TRUE(execution.terminal.contains("exit_code")) << execution;
  EXPECT_EQ(execution.terminal["exit_code"], GetParam().exit_code);
  EXPECT_EQ(server.execute("print('alive')\n1").value(), 1);
  EXPECT_EQ(server.ask("input()", "answered").value(), "answered");
}

const Exit kExits[] = {
    {"SysExit", "import sys\nsys.exit()", nullptr},
    {"SysExitZero", "import sys\nsys.exit(0)", 0},
    {"SysExitNumber", "import sys\nsys.exit(3)", 3},
    {"SysExitText", "import sys\nsys.exit('bye')", "bye"},
    {"Raised", "raise SystemExit", nullptr},
    {"ExitClosesStdin", "exit()", nullptr},
    {"QuitWithNumber", "quit(5)", 5},
    {"InAFunction", "import sys\ndef f(): sys.exit(7)\nf()", 7},
};

INSTANTIATE_TEST_SUITE_P(Exits, SystemExitTest, ::testing::ValuesIn(kExits), CaseName{});

TEST(HostileTest, AnExceptionInAThreadIsNoErrorOfTheExecution) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import threading\ndef work(): raise ValueError('in the thread')\n"
      "t = threading.Thread(target=work)\nt.start()\nt.join()\n'fine'");
  EXPECT_EQ(execution.value(), "fine");
  EXPECT_NE(execution.err.find("ValueError: in the thread"), std::string::npos) << execution;
}

TEST(HostileTest, AnUnraisableExceptionIsPrinted) {
  ServerProcess server;
  const Execution execution = server.execute(
      "class C:\n    def __del__(self): raise ValueError('in del')\nc = C()\ndel c\n'fine'");
  EXPECT_EQ(execution.value(), "fine");
  EXPECT_NE(execution.err.find("ValueError: in del"), std::string::npos) << execution;
}

TEST(HostileTest, ATraceFunctionThatRaisesHurtsNothing) {
  ServerProcess server;
  server.execute("import sys\ndef trace(*a): raise ValueError('trace')\nsys.settrace(trace)");
  server.execute("1 + 1");
  EXPECT_EQ(server.execute("2 + 2").repr(), "4");
}

TEST(HostileTest, AClosedStandardStreamIsBackInTheNextExecution) {
  ServerProcess server;
  for (const char* code : {"import sys\nsys.stdin.close()", "import sys\nsys.stdout.close()",
                           "import sys\nsys.stderr.close()"}) {
    server.execute(code);
    EXPECT_EQ(server.execute("print('alive')").out, "alive\n") << code;
    EXPECT_EQ(server.ask("input()", "answered").value(), "answered") << code;
  }
}

}  // namespace
}  // namespace replwire_tests
