// linecache has what was sent, and nothing else, while it can be shown; and so have those who ask
// it.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(LinecacheTest, HasTheLinesOfTheCodeThatRuns) {
  ServerProcess server;
  const Execution execution =
      server.execute("import linecache\nname = '<execution 1>'\nlinecache.getlines(name)");
  EXPECT_EQ(execution.value(),
            Json({"import linecache\n", "name = '<execution 1>'\n", "linecache.getlines(name)\n"}));
}

TEST(LinecacheTest, LetsGoOfCodeThatNobodyHolds) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import linecache").ok());
  for (int n = 0; n < 20; ++n) ASSERT_TRUE(server.execute("x = 1").ok());
  EXPECT_EQ(server.execute("list(linecache.cache)").value(), Json({"<execution 22>"}));
}

TEST(LinecacheTest, KeepsWhatAnErrorOrAFrameStillShows) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import linecache, sys, traceback").ok());
  EXPECT_FALSE(server.execute("1 / 0").ok());
  ASSERT_TRUE(server.execute("frame = sys._getframe()").ok());
  ASSERT_TRUE(server.execute("try: {}['x']\nexcept KeyError as caught: error = caught").ok());
  EXPECT_EQ(server.execute("linecache.getline('<execution 2>', 1)").value(), "1 / 0\n");
  EXPECT_EQ(server.execute("linecache.getline('<execution 3>', 1)").value(),
            "frame = sys._getframe()\n");
  EXPECT_TRUE(
      contains(server.execute("traceback.print_exception(error)\n").err, "    try: {}['x']\n"));
}

TEST(LinecacheTest, TheNewestOfANameIsThereAndThenTheOneBefore) {
  ServerProcess server;
  const Json place{{"filename", "notes.py"}};
  ASSERT_TRUE(server.execute("import linecache\ndef f(): pass", place).ok());
  EXPECT_EQ(server.execute("linecache.getline('notes.py', 1)", place).value(),
            "linecache.getline('notes.py', 1)\n");
  EXPECT_EQ(server.execute("linecache.getlines('notes.py')").value(),
            Json({"import linecache\n", "def f(): pass\n"}));
}

TEST(LinecacheTest, WhatWasSentStandsBeforeWhatAFileSays) {
  const TempDir folder;
  const std::string file = folder.write("x.py", "on disk\nand more\n");
  ServerProcess server;
  const Json place{{"filename", file}};
  EXPECT_EQ(server.execute("import linecache\nlinecache.getlines(" + Json(file).dump() + ")", place)
                .value()[0],
            "import linecache\n");
  // A piece of a file has the rest of it around.
  ASSERT_TRUE(server.execute("def f(): pass", {{"filename", file}, {"first_line", 2}}).ok());
  EXPECT_EQ(server.execute("linecache.getlines(" + Json(file).dump() + ")").value(),
            Json({"on disk\n", "def f(): pass\n"}));
}

TEST(LinecacheTest, ClearedItStillHasWhatCanBeReadNowhereElse) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import linecache\ndef f(): pass").ok());
  ASSERT_TRUE(server.execute("linecache.clearcache()").ok());
  EXPECT_EQ(server.execute("linecache.getline('<execution 1>', 2)").value(), "def f(): pass\n");
}

TEST(LinecacheTest, AFunctionWhoseCodeWasReplacedKeepsItsSource) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import inspect\ndef f(): return 1").ok());
  ASSERT_TRUE(server.execute("f.__code__ = f.__code__.replace(co_name='g')").ok());
  ASSERT_TRUE(server.execute("def other(): pass").ok());
  EXPECT_EQ(server.execute("inspect.getsource(f)").value(), "def f(): return 1\n");
}

TEST(LinecacheTest, NothingOfOursHasAName) {
  ServerProcess server;
  const Json error = server.execute("exec('1 / 0')").terminal;
  EXPECT_EQ(error["frames"][1]["filename"], "<string>");
  EXPECT_EQ(error["frames"][1]["source"], "") << error;
  EXPECT_EQ(server.execute("import linecache; list(linecache.cache)").value(),
            Json({"<execution 1>", "<execution 2>"}));
}

// ---- who asks it ----------------------------------------------------------------------------

struct Teller : Case {
  const char* code;
  const char* line;
};

class TellerTest : public ::testing::TestWithParam<Teller> {};

TEST_P(TellerTest, ShowsTheLine) {
  ServerProcess server;
  const Execution execution = server.execute(GetParam().code);
  EXPECT_TRUE(contains(execution.out + execution.err, GetParam().line)) << execution;
}

const Teller kTellers[] = {
    {"PrintExc", "try: int('x')\nexcept ValueError:\n    import traceback; traceback.print_exc()",
     "    try: int('x')\n"},
    {"Logging", "import logging\ntry: int('x')\nexcept ValueError: logging.exception('oh')",
     "    try: int('x')\n"},
    {"Warn", "import warnings\nwarnings.warn('careful')", "  warnings.warn('careful')\n"},
    {"ExtractStack", "import traceback\ntraceback.print_stack()", "    traceback.print_stack()\n"},
};
INSTANTIATE_TEST_SUITE_P(All, TellerTest, ::testing::ValuesIn(kTellers), CaseName());

TEST(LinecacheTest, PdbListsTheCodeOfTheLastError) {
  ServerProcess server;
  EXPECT_FALSE(server.execute("value = 5\nvalue / 0").ok());
  ASSERT_TRUE(server.execute("import pdb").ok());  // an execution in between
  const Json id = server.start("pdb.pm()");
  server.await_input();
  server.answer("list");
  server.await_input();
  server.answer("quit");
  EXPECT_TRUE(contains(server.finish(id).out, "->\tvalue / 0"));
}

TEST(LinecacheTest, TheLastErrorStaysUntilTheNext) {
  ServerProcess server;
  EXPECT_FALSE(server.execute("1 / 0").ok());
  ASSERT_TRUE(server.execute("x = 1").ok());
  EXPECT_EQ(server.execute("import sys\nsys.last_type.__name__").value(), "ZeroDivisionError");
  EXPECT_TRUE(contains(server
                           .execute("import traceback\ntraceback.print_exception(sys.last_type, "
                                    "sys.last_value, sys.last_traceback)")
                           .err,
                       "    1 / 0\n"));
  EXPECT_FALSE(server.execute("exit()").ok());
  EXPECT_EQ(server.execute("sys.last_type.__name__").value(), "ZeroDivisionError");
  EXPECT_FALSE(server.execute("None = 1").ok());
  EXPECT_EQ(server.execute("sys.last_type.__name__").value(), "SyntaxError");
}

// ---- errors and warnings of the compiler ----------------------------------------------------

struct Mistake : Case {
  const char* code;
  int line;
};

class MistakeTest : public ::testing::TestWithParam<Mistake> {};

TEST_P(MistakeTest, ShowsTheLineThatWasSent) {
  const TempDir folder;
  const std::string file = folder.write("x.py", "a\nb\nc\nd\n");
  ServerProcess server;
  for (const Json& place : {Json::object(), Json{{"filename", file}}}) {
    const Json error = server.execute(GetParam().code, place).terminal;
    const std::string code = GetParam().code;
    const std::string sent =
        GetParam().line == 1 ? code.substr(0, code.find('\n')) : code.substr(code.find('\n') + 1);
    EXPECT_EQ(error["exception_type"], "SyntaxError");
    EXPECT_EQ(error["frames"].back()["source"], sent) << error;
    EXPECT_EQ(error["frames"].back()["line"], GetParam().line) << error;
    EXPECT_TRUE(contains(error["traceback"], sent)) << error;
  }
}

const Mistake kMistakes[] = {
    {"Parser", "None = 1", 1},
    {"FarRight", "some_name = other_name + + * third", 1},
    {"Return", "x = 1\nreturn x", 2},
    {"Duplicate", "def f(a, a): pass", 1},
    {"Nonlocal", "x = 1\nnonlocal x", 2},
};
INSTANTIATE_TEST_SUITE_P(All, MistakeTest, ::testing::ValuesIn(kMistakes), CaseName());

TEST(LinecacheTest, AWarningOfTheCompilerShowsWhatWasSent) {
  const TempDir folder;
  const std::string file = folder.write("x.py", "on disk\n");
  ServerProcess server;
  EXPECT_TRUE(contains(server.execute("1 is 1", {{"filename", file}}).err, "  1 is 1\n"));
}

struct Foreign : Case {
  const char* code;
  const char* note;
};

class ForeignTest : public ::testing::TestWithParam<Foreign> {};

TEST_P(ForeignTest, HasANoteThatSaysWhatToWrite) {
  ServerProcess server;
  const Json error = server.execute(std::string("x = 1\n") + GetParam().code).terminal;
  EXPECT_EQ(error["exception_type"], "SyntaxError");
  ASSERT_EQ(error.value("notes", Json::array()).size(), 1u) << error;
  EXPECT_TRUE(contains(error["notes"][0], GetParam().note)) << error;
}

const Foreign kForeign[] = {
    {"PipMagic", "%pip install x", "subprocess.run([sys.executable, '-m', 'pip', 'install', 'x']"},
    {"PipOfAShell", "!pip install x y", "'install', 'x', 'y']"},
    {"Pip", "pip install x", "'-m', 'pip', 'install', 'x'"},
    {"Shell", "!ls -l", "subprocess.run('ls -l', shell=True)"},
    {"ShellPrompt", "$ python", "subprocess.run('python', shell=True)"},
    {"Help", "len?", "help(len)"},
    {"HelpInFront", "?len", "help(len)"},
    {"Magic", "%timeit f()", "magic"},
    {"Prompt", ">>> x = 1", "prompt"},
};
INSTANTIATE_TEST_SUITE_P(All, ForeignTest, ::testing::ValuesIn(kForeign), CaseName());

TEST(LinecacheTest, AnOrdinaryMistakeHasNoNote) {
  ServerProcess server;
  EXPECT_FALSE(server.execute("x = = 1").terminal.contains("notes"));
  EXPECT_FALSE(server.execute("5 % % 2").terminal.contains("notes"));
}

// ---- bounds ---------------------------------------------------------------------------------

struct Monster : Case {
  const char* code;
};

class MonsterTest : public ::testing::TestWithParam<Monster> {};

TEST_P(MonsterTest, IsToldWithinBounds) {
  ServerProcess server;
  const Json error = server.execute(GetParam().code).terminal;
  EXPECT_EQ(error["type"], "error");
  EXPECT_LT(error.dump().size(), 2'000'000u);
  EXPECT_LE(error["frames"].size(), 201u);
  EXPECT_NE(error["traceback"], "");
  EXPECT_EQ(server.execute("1").value(), 1);
}

const Monster kMonsters[] = {
    {"DeepStack",
     "import sys\nsys.setrecursionlimit(10**6)\n"
     "def f(n):\n    if n: f(n - 1)\n    raise ValueError\nf(50_000 if sys.version_info >= (3, 11) "
     "else 2500)"},
    {"Causes",
     "e = None\nfor i in range(50_000):\n    n = ValueError(i); n.__cause__ = e; e = n\nraise e"},
    {"Contexts",
     "e = None\nfor i in range(50_000):\n    n = ValueError(i); n.__context__ = e; e = n\nraise e"},
    {"Ring", "a, b = ValueError(1), ValueError(2)\na.__cause__, b.__cause__ = b, a\nraise a"},
    {"OwnCause", "a = ValueError(1)\na.__cause__ = a\nraise a"},
    {"Notes", "e = ValueError()\ne.__notes__ = ['n' * 1000] * 100_000\nraise e"},
    {"Message", "raise ValueError('x' * 10**8)"},
    {"Line",
     "x = '"
     "'; 1 / 0"},
    {"WideGroup",
     "G = __builtins__.__dict__.get('ExceptionGroup', lambda m, e: e[0])\n"
     "raise G('g', [ValueError(i) for i in range(50_000)])"},
    {"DeepGroup",
     "G = __builtins__.__dict__.get('ExceptionGroup', lambda m, e: e[0])\n"
     "e = ValueError()\nfor i in range(500): e = G('g', [e])\nraise e"},
};
INSTANTIATE_TEST_SUITE_P(All, MonsterTest, ::testing::ValuesIn(kMonsters), CaseName());

TEST(BoundsTest, ADeepStackSaysHowMuchIsLeftOut) {
  ServerProcess server;
  const Json error = server
                         .execute(
                             "import sys\nsys.setrecursionlimit(10**6)\n"
                             "def f(n):\n    if n: f(n - 1)\n    1 / 0\nf(2500)")
                         .terminal;
  EXPECT_TRUE(contains(error["traceback"], "… 502 frames left out …")) << error["traceback"];
  EXPECT_TRUE(contains(error["traceback"], "[Previous line repeated"));
}

struct Endless : Case {
  const char* code;
};

class EndlessTest : public ::testing::TestWithParam<Endless> {};

TEST_P(EndlessTest, EndsWithAnInterrupt) {
  ServerProcess server;
  const Json id = server.start(std::string("import sys\ndef stay():\n    print('in', flush=True)\n"
                                           "    while True: pass\n") +
                               GetParam().code);
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).terminal["type"], "error");
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST_P(EndlessTest, EndsWithItsDeadline) {
  ServerProcess server;
  EXPECT_EQ(server
                .execute(std::string("def stay():\n    while True: pass\n") + GetParam().code,
                         {{"timeout", 0.3}})
                .terminal["type"],
            "error");
  EXPECT_EQ(server.execute("1").value(), 1);
}

const Endless kEndless[] = {
    {"Repr", "class C:\n    def __repr__(self): stay()\nC()"},
    {"Html", "class C:\n    def _repr_html_(self): stay()\nC()"},
    {"Pretty", "class C:\n    def _repr_pretty_(self, p, c): stay()\nC()"},
    {"Displayed", "class C:\n    def _repr_html_(self): stay()\ndisplay(C())"},
    {"Message", "class E(Exception):\n    def __str__(self): stay()\nraise E"},
    {"Suggestion", "class C:\n    def __dir__(self): stay()\nC().name"},
    {"Notes", "class E(Exception):\n    @property\n    def __notes__(self): stay()\nraise E"},
    {"NameOfTheType",
     "class M(type):\n    @property\n    def __module__(self): stay()\n"
     "class E(Exception, metaclass=M): pass\nraise E"},
};
INSTANTIATE_TEST_SUITE_P(All, EndlessTest, ::testing::ValuesIn(kEndless), CaseName());

}  // namespace
}  // namespace replwire_tests
