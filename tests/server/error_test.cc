// What an `error` frame says about an exception.
#include <gtest/gtest.h>

#include "support/server_process.h"

namespace replwire_tests {
namespace {

bool contains(const Json& text, std::string_view part) {
  return text.get<std::string>().find(part) != std::string::npos;
}

TEST(ErrorTest, HasItsFields) {
  ServerProcess server;
  const Execution execution = server.execute("x = 1\nraise ValueError('boom')", {{"id", "e"}});
  const Json& error = execution.terminal;
  EXPECT_EQ(error["type"], "error");
  EXPECT_EQ(error["execution_id"], "e");
  EXPECT_EQ(error["execution_count"], 1);
  EXPECT_EQ(error["reason"], "exception");
  EXPECT_EQ(error["exception_type"], "ValueError");
  EXPECT_EQ(error["exception_message"], "boom");
  EXPECT_TRUE(error["execution_time"].is_number());
  EXPECT_TRUE(contains(error["traceback"], "Traceback (most recent call last):\n"));
  EXPECT_TRUE(contains(error["traceback"], "ValueError: boom"));
  ASSERT_EQ(error["frames"].size(), 1u);
  EXPECT_EQ(error["frames"][0]["line"], 2);
  EXPECT_EQ(error["frames"][0]["function"], "<module>");
  EXPECT_EQ(error["frames"][0]["source"], "raise ValueError('boom')");
  EXPECT_TRUE(error["frames"][0]["filename"].is_string());
}

TEST(ErrorTest, SessionAndEarlierNamesLiveOn) {
  ServerProcess server;
  EXPECT_FALSE(server.execute("x = 1\n1 / 0\nx = 2").ok());
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(ErrorTest, FramesRunFromTheOutermostInwards) {
  ServerProcess server;
  const Execution execution =
      server.execute("def outer():\n    inner()\ndef inner():\n    1 / 0\nouter()");
  std::vector<std::string> functions;
  std::vector<int> lines;
  for (const Json& frame : execution.terminal["frames"]) {
    functions.push_back(frame["function"]);
    lines.push_back(frame["line"]);
  }
  EXPECT_EQ(functions, (std::vector<std::string>{"<module>", "outer", "inner"}));
  EXPECT_EQ(lines, (std::vector<int>{5, 2, 4}));
}

TEST(ErrorTest, ColumnsCountCodePointsFromZero) {
  ServerProcess server;
  // The failing expression stands behind three characters of two bytes each.
  const Json frame = server.execute("y = '\u00fc\u00fc\u00fc'; y + 1").terminal["frames"][0];
  if (frame.contains("column")) {
    EXPECT_EQ(frame["column"], 11) << frame;
  }
  if (frame.contains("end_column")) {
    EXPECT_EQ(frame["end_column"], 16) << frame;
  }
  if (frame.contains("end_line")) {
    EXPECT_EQ(frame["end_line"], 1) << frame;
  }
}

class OnlyUserFramesTest : public ::testing::TestWithParam<const char*> {};

TEST_P(OnlyUserFramesTest, AreInFramesAndTraceback) {
  ServerProcess server;
  const Execution execution =
      server.execute(GetParam(), {{"filename", "user.py"}, {"on_input", "eof"}});
  ASSERT_FALSE(execution.ok());
  for (const Json& frame : execution.terminal["frames"]) EXPECT_EQ(frame["filename"], "user.py");
  const std::string traceback = execution.terminal["traceback"];
  for (std::size_t at = 0; (at = traceback.find("File \"", at)) != traceback.npos; ++at) {
    EXPECT_EQ(traceback.substr(at, 14), "File \"user.py\"") << traceback;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codes, OnlyUserFramesTest,
    ::testing::Values("1 / 0", "input()", "x = input('?')", "def f(): input()\nf()", "x = = 1",
                      "import sys\nfor line in [1]: sys.exit(1)", "raise KeyboardInterrupt",
                      "class P:\n    def __str__(self): return 1 / 0\ninput(P())",
                      "class R:\n    def __repr__(self): return 1 / 0\nprint(R())"));

TEST(ErrorTest, TypeIsNamedAsInTheLastLine) {
  ServerProcess server;
  EXPECT_EQ(server.execute("import zipfile\nraise zipfile.BadZipFile('x')").exception(),
            "zipfile.BadZipFile");
  EXPECT_EQ(server.execute("class Own(Exception): pass\nraise Own('x')").exception(), "Own");
}

TEST(ErrorTest, MessageIsWhatTheLastLineSays) {
  ServerProcess server;
  EXPECT_EQ(server.execute("{}['a']").terminal["exception_message"], "'a'");
  EXPECT_EQ(server.execute("raise ValueError").terminal["exception_message"], "");
  EXPECT_EQ(server.execute("raise ValueError('a\\nb')").terminal["exception_message"], "a\nb");
  EXPECT_EQ(server.execute("raise ValueError('\\udc80')").terminal["exception_message"], "\\udc80");
}

TEST(ErrorTest, OutputBeforeItPrecedesIt) {
  ServerProcess server;
  EXPECT_EQ(server.execute("print('before', end='')\n1 / 0").out, "before");
}

TEST(SyntaxErrorTest, PlaceIsTheLastFrame) {
  ServerProcess server;
  const Execution execution = server.execute("x = 1\ny = = 2", {{"filename", "bad.py"}});
  EXPECT_EQ(execution.exception(), "SyntaxError");
  EXPECT_EQ(execution.reason(), "exception");
  const Json frame = execution.terminal["frames"].back();
  EXPECT_EQ(frame["filename"], "bad.py");
  EXPECT_EQ(frame["line"], 2);
  EXPECT_EQ(frame["function"], "");
  EXPECT_EQ(frame["source"], "y = = 2");
  if (frame.contains("column")) {
    EXPECT_EQ(frame["column"], 4) << frame;
  }
}

TEST(SyntaxErrorTest, TracebackShowsLineAndCaret) {
  ServerProcess server;
  const std::string traceback = server.execute("x = 1\ny = = 2").terminal["traceback"];
  EXPECT_NE(traceback.find("    y = = 2\n        ^\n"), std::string::npos) << traceback;
  EXPECT_NE(traceback.find("SyntaxError: invalid syntax"), std::string::npos) << traceback;
}

TEST(SyntaxErrorTest, NothingOfTheCodeRuns) {
  ServerProcess server;
  EXPECT_EQ(server.execute("print('runs')\ny = = 2").out, "");
}

TEST(SyntaxErrorTest, IndentationErrorIsOneToo) {
  ServerProcess server;
  const Execution execution = server.execute("def f():\npass");
  EXPECT_EQ(execution.exception(), "IndentationError");
  EXPECT_EQ(execution.terminal["frames"].back()["line"], 2);
}

TEST(SyntaxErrorTest, OneRaisedAtRunTimeNamesItsOwnPlaceLast) {
  ServerProcess server;
  const Json frames = server.execute("compile('x = = 1', 'inner.py', 'exec')").terminal["frames"];
  ASSERT_GE(frames.size(), 2u);
  EXPECT_EQ(frames.front()["function"], "<module>");
  EXPECT_EQ(frames.back()["filename"], "inner.py");
  EXPECT_EQ(frames.back()["line"], 1);
  EXPECT_EQ(frames.back()["function"], "");
}

TEST(SyntaxErrorTest, HostileFieldsHurtNothing) {
  ServerProcess server;
  for (const char* code : {"raise SyntaxError('m', ('f', 'not a line', {}, None))",
                           "raise SyntaxError('m', ('f', -5, 10**30, 'text'))",
                           "e = SyntaxError('m')\ne.lineno = object()\ne.text = 5\nraise e"}) {
    EXPECT_FALSE(server.execute(code).ok()) << code;
  }
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(CausesTest, DirectCause) {
  ServerProcess server;
  const Json error =
      server
          .execute(
              "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e")
          .terminal;
  ASSERT_EQ(error["causes"].size(), 1u) << error;
  EXPECT_EQ(error["causes"][0]["exception_type"], "ZeroDivisionError");
  EXPECT_EQ(error["causes"][0]["frames"][0]["line"], 2);
  EXPECT_TRUE(error["causes"][0]["relation"].is_string());
  EXPECT_TRUE(contains(error["traceback"], "The above exception was the direct cause"));
}

TEST(CausesTest, ContextIsAnotherRelation) {
  ServerProcess server;
  const Json cause =
      server.execute("try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError from e").terminal;
  const Json context =
      server.execute("try:\n    1 / 0\nexcept Exception:\n    raise KeyError").terminal;
  ASSERT_EQ(context["causes"].size(), 1u) << context;
  EXPECT_NE(context["causes"][0]["relation"], cause["causes"][0]["relation"]);
  EXPECT_TRUE(contains(context["traceback"], "During handling of the above exception"));
}

TEST(CausesTest, SuppressedContextIsNotSaid) {
  ServerProcess server;
  const Json error =
      server.execute("try:\n    1 / 0\nexcept Exception:\n    raise KeyError('k') from None")
          .terminal;
  EXPECT_TRUE(!error.contains("causes") || error["causes"].empty()) << error;
  EXPECT_FALSE(contains(error["traceback"], "ZeroDivisionError"));
}

TEST(CausesTest, MembersOfAGroup) {
  ServerProcess server;
  const Execution execution =
      server.execute("raise ExceptionGroup('several', [ValueError('a'), KeyError('b')])");
  if (execution.exception() == "NameError") GTEST_SKIP() << "no exception groups before 3.11";
  EXPECT_EQ(execution.exception(), "ExceptionGroup");
  const Json causes = execution.terminal["causes"];
  ASSERT_EQ(causes.size(), 2u);
  EXPECT_EQ(causes[0]["exception_type"], "ValueError");
  EXPECT_EQ(causes[1]["exception_type"], "KeyError");
  EXPECT_TRUE(contains(execution.terminal["traceback"], "ValueError: a"));
  EXPECT_TRUE(contains(execution.terminal["traceback"], "KeyError: 'b'"));
}

TEST(CausesTest, CyclesAndLongChainsEnd) {
  ServerProcess server;
  EXPECT_EQ(server
                .execute("a, b = ValueError('a'), KeyError('b')\n"
                         "a.__cause__, b.__cause__ = b, a\nraise a")
                .exception(),
            "ValueError");
  EXPECT_EQ(server
                .execute("e = None\nfor n in range(3000):\n    n = ValueError(n)\n"
                         "    n.__context__, e = e, n\nraise TypeError('last') from e")
                .exception(),
            "TypeError");
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(ErrorTest, NotesAreSaid) {
  ServerProcess server;
  const Execution execution =
      server.execute("e = ValueError('x')\ne.add_note('try harder')\nraise e");
  if (execution.exception() == "AttributeError") GTEST_SKIP() << "no notes before 3.11";
  EXPECT_EQ(execution.terminal["notes"], Json::array({"try harder"}));
  EXPECT_TRUE(contains(execution.terminal["traceback"], "ValueError: x\ntry harder"));
}

TEST(ErrorTest, CaretsStandUnderWhatFailed) {
  ServerProcess server;
  const Json error = server.execute("def f(x):\n    return 1 + x / 0\nf(1)").terminal;
  if (!error["frames"][0].contains("column")) GTEST_SKIP() << "no columns before 3.11";
  EXPECT_TRUE(contains(error["traceback"], "    return 1 + x / 0\n               ~~^~~\n"))
      << error;
  EXPECT_EQ(error["frames"][1]["column"], 15);
  EXPECT_EQ(error["frames"][1]["end_column"], 20);
}

TEST(ErrorTest, RangesMayRunOverLines) {
  ServerProcess server;
  const Json frame =
      server.execute("x = (1 +\n     2 /\n  0)", {{"first_line", 5}}).terminal["frames"][0];
  EXPECT_EQ(frame["line"], 6) << frame;
  if (!frame.contains("column")) GTEST_SKIP() << "no columns before 3.11";
  EXPECT_EQ(frame["end_line"], 7) << frame;
  EXPECT_EQ(frame["column"], 5) << frame;
  EXPECT_EQ(frame["end_column"], 3) << frame;
}

TEST(ErrorTest, PlacesAreTheClientsBuffer) {
  ServerProcess server;
  const Json extra = {{"filename", "/home/ada/notes.py"}, {"first_line", 40}};
  const Json raised = server.execute("def f():\n    1 / 0\nf()", extra).terminal;
  EXPECT_EQ(raised["frames"][1]["filename"], "/home/ada/notes.py");
  EXPECT_EQ(raised["frames"][1]["line"], 41);
  EXPECT_EQ(raised["frames"][1]["source"], "    1 / 0");
  const Json syntax = server.execute("x = 1\ny = (2,\nz = 'a' 3)", extra).terminal;
  EXPECT_EQ(syntax["frames"].back()["filename"], "/home/ada/notes.py");
  EXPECT_GE(syntax["frames"].back()["line"], 41);
}

TEST(SyntaxErrorTest, HasLineColumnAndEnd) {
  ServerProcess server;
  const Json frame = server.execute("x = 1\n'\u00fc'; f(a for a in b, c)", {{"first_line", 3}})
                         .terminal["frames"]
                         .back();
  EXPECT_EQ(frame["line"], 4) << frame;
  EXPECT_EQ(frame["end_line"], 4) << frame;
  EXPECT_EQ(frame["column"], 7) << frame;
  EXPECT_EQ(frame["end_column"], 19) << frame;
}

class SuggestionTest : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(SuggestionTest, IsTheInterpretersOwn) {
  ServerProcess server;
  const Json error = server.execute(GetParam().first).terminal;
  EXPECT_TRUE(contains(error["traceback"], GetParam().second)) << error;
}

INSTANTIATE_TEST_SUITE_P(Codes, SuggestionTest,
                         ::testing::Values(std::pair("prnt(1)", "Did you mean: 'print'?"),
                                           std::pair("value = 1\nvalu", "Did you mean: 'value'?"),
                                           std::pair("[].apend(1)", "Did you mean: 'append'?"),
                                           std::pair("print 1", "Did you mean print(...)?"),
                                           std::pair("if (x = 1): pass",
                                                     "Maybe you meant '==' or ':='")));

TEST(WarningTest, PointsAtTheUsersLine) {
  ServerProcess server;
  const Json extra = {{"filename", "notes.py"}, {"first_line", 40}};
  EXPECT_EQ(server.execute("import warnings\ndef f():\n    warnings.warn('mind')\nf()", extra).err,
            "notes.py:42: UserWarning: mind\n  warnings.warn('mind')\n");
  EXPECT_EQ(
      server.execute("def f():\n    warnings.warn('old', DeprecationWarning, 2)\n\nf()", extra).err,
      "notes.py:43: DeprecationWarning: old\n  f()\n");
  EXPECT_TRUE(server.execute("x = 1\nx is 1", extra).err.starts_with("notes.py:41: SyntaxWarning"));
}

TEST(WarningTest, TheSameLineOfAnotherExecutionWarnsAgain) {
  ServerProcess server;
  server.execute("import warnings");
  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(server.execute("for n in range(3): warnings.warn('mind')").err, "");
  }
  const std::string err = server.execute("for n in range(3): warnings.warn('mind')").err;
  EXPECT_EQ(err.find("UserWarning"), err.rfind("UserWarning"));
}

constexpr const char* kDies =
    "import weakref\nclass Thing: pass\ndef f():\n    global ref\n    local = Thing()\n"
    "    ref = weakref.ref(local)\n    1 / 0\nf()";

TEST(DeadFramesTest, GoWithTheNextError) {
  ServerProcess server;
  EXPECT_FALSE(server.execute(kDies).ok());
  EXPECT_FALSE(server.execute("int('x')").ok());
  EXPECT_EQ(server.execute("ref() is None").value(), true);
}

TEST(DeadFramesTest, AreThereForWhoLooksBack) {
  ServerProcess server;
  server.execute(kDies);
  EXPECT_TRUE(server.execute("1").ok());
  EXPECT_EQ(server.execute("import sys\nrepr(sys.last_value), ref() is None").value(),
            Json::array({"ZeroDivisionError('division by zero')", false}));
}

TEST(DeadFramesTest, CanBeLookedAtByPdb) {
  ServerProcess server;
  server.execute(kDies);
  const Execution execution =
      server.execute("import pdb\npdb.pm()", {{"inputs", {"p type(local).__name__", "q"}}});
  EXPECT_TRUE(execution.ok()) << execution;
  EXPECT_NE(execution.out.find("'Thing'"), std::string::npos) << execution;
}

}  // namespace
}  // namespace replwire_tests
