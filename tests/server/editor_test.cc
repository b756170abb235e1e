// What editors ask of an execution: another namespace, another __name__, a margin taken off.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

class EditorTest : public ::testing::TestWithParam<bool> {
 protected:
  ServerProcess server_{GetParam() ? surviving() : Launch{}};
};

INSTANTIATE_TEST_SUITE_P(Modes, EditorTest, ::testing::Bool(),
                         [](const auto& given) { return given.param ? "Survive" : "Local"; });

TEST_P(EditorTest, CodeRunsInTheModule) {
  ASSERT_TRUE(server_.execute("def twice(): return 1", {{"module", "colorsys"}}).ok());
  const Execution seen =
      server_.execute("import colorsys\n[colorsys.twice(), 'twice' in globals()]");
  EXPECT_EQ(seen.value(), Json::array({1, false})) << seen;
  const Execution inside =
      server_.execute("[__name__, twice.__module__, ONE_THIRD > 0]", {{"module", "colorsys"}});
  EXPECT_EQ(inside.value(), Json::array({"colorsys", "colorsys", true})) << inside;
  EXPECT_EQ(server_.execute("_[0]").value(), "colorsys");
}

TEST_P(EditorTest, AModuleOfAPackage) {
  const Execution execution = server_.execute("dumps([1])", {{"module", "json.encoder"}});
  EXPECT_EQ(execution.exception(), "NameError") << execution;
  EXPECT_EQ(server_.execute("JSONEncoder().encode([1])", {{"module", "json.encoder"}}).value(),
            "[1]");
}

TEST_P(EditorTest, MainIsAModuleToo) {
  ASSERT_TRUE(server_.execute("x = 5").ok());
  EXPECT_EQ(server_.execute("[x, __name__]", {{"module", "__main__"}}).value(),
            Json::array({5, "__main__"}));
}

TEST_P(EditorTest, AModuleThatIsNotThereIsAnErrorOfTheExecution) {
  const Execution execution = server_.execute("1", {{"module", "no_such_module.at_all"}});
  EXPECT_EQ(execution.reason(), "exception") << execution;
  EXPECT_EQ(execution.exception(), "ModuleNotFoundError");
  EXPECT_EQ(execution.terminal["execution_count"], 1);
  EXPECT_EQ(execution.terminal["frames"], Json::array()) << "none of the import machinery";
  EXPECT_EQ(server_.execute("2").value(), 2);
}

TEST_P(EditorTest, AModuleThatRaisesIsAnErrorOfTheExecution) {
  const TempDir folder;
  folder.write("broken_one.py", "print('so far')\n1 / 0\n");
  ASSERT_TRUE(server_.execute("import sys\nsys.path.insert(0, '" + folder.path() + "')").ok());
  const Execution execution = server_.execute("1", {{"module", "broken_one"}});
  EXPECT_EQ(execution.exception(), "ZeroDivisionError") << execution;
  EXPECT_EQ(execution.out, "so far\n");
  EXPECT_EQ(execution.terminal["frames"].back()["source"], "1 / 0") << execution;
}

TEST_P(EditorTest, AnImportThatHangsCanBeInterrupted) {
  const TempDir folder;
  folder.write("asking_one.py", "input()\n");
  ASSERT_TRUE(server_.execute("import sys\nsys.path.insert(0, '" + folder.path() + "')").ok());
  const Json id = server_.start("1", {{"module", "asking_one"}});
  server_.await_input();
  server_.interrupt(id);
  EXPECT_EQ(server_.finish(id).reason(), "interrupt");
}

TEST_P(EditorTest, AnErrorInAModuleHasItsPlace) {
  const Execution execution =
      server_.execute("def f():\n    return missing\nf()",
                      {{"module", "colorsys"}, {"filename", "a.py"}, {"first_line", 7}});
  EXPECT_EQ(execution.exception(), "NameError") << execution;
  const Json frames = execution.terminal["frames"];
  ASSERT_EQ(frames.size(), 2U) << execution;
  EXPECT_EQ(frames[1]["filename"], "a.py");
  EXPECT_EQ(frames[1]["line"], 8);
  EXPECT_EQ(frames[1]["source"], "    return missing");
}

TEST_P(EditorTest, CodeThatAwaitsRunsInTheModule) {
  const Execution execution =
      server_.execute("import asyncio\nawait asyncio.sleep(0)\n__name__", {{"module", "colorsys"}});
  EXPECT_EQ(execution.value(), "colorsys") << execution;
}

TEST_P(EditorTest, FutureImportsAreTheModulesOwn) {
  const TempDir folder;
  folder.write("with_future.py", "from __future__ import annotations\n");
  ASSERT_TRUE(server_.execute("import sys\nsys.path.insert(0, '" + folder.path() + "')").ok());
  const Execution in_it =
      server_.execute("def f(x: Unknown): pass\nf.__annotations__", {{"module", "with_future"}});
  EXPECT_EQ(in_it.value(), (Json{{"x", "Unknown"}})) << in_it;
  EXPECT_EQ(server_.execute("def f(x: Unknown): pass\nf.__annotations__").exception(), "NameError")
      << "the session has none of them";
  ASSERT_TRUE(server_.execute("from __future__ import annotations").ok());
  EXPECT_EQ(server_.execute("def f(x: Unknown): pass\nf.__annotations__", {{"module", "colorsys"}})
                .exception(),
            "NameError")
      << "nor has another module those of the session";
}

TEST_P(EditorTest, NameIsWhatItSaysWhileTheCodeRuns) {
  EXPECT_EQ(server_.execute("__name__", {{"name", "buffer"}}).value(), "buffer");
  EXPECT_EQ(server_.execute("__name__").value(), "__main__");
  const Execution guarded =
      server_.execute("x = 1\nif __name__ == '__main__':\n    x = 2\nx", {{"name", "buffer"}});
  EXPECT_EQ(guarded.value(), 1) << guarded;
  EXPECT_EQ(server_.execute("__name__", {{"name", "__main__"}}).value(), "__main__");
}

TEST_P(EditorTest, NameIsWhatItWasAfterAnyEnd) {
  for (const char* code : {"1 / 0", "exit()", "del __name__", "__name__ = 'mine'",
                           "x =", "import asyncio\nawait asyncio.sleep(0)",
                           "import asyncio\nawait asyncio.sleep(0)\n1 / 0"}) {
    server_.execute(code, {{"name", "buffer"}});
    EXPECT_EQ(server_.execute("__name__").value(), "__main__") << code;
  }
  const Json id = server_.start("input()", {{"name", "buffer"}});
  server_.await_input();
  server_.interrupt(id);
  EXPECT_EQ(server_.finish(id).reason(), "interrupt");
  EXPECT_EQ(server_.execute("__name__").value(), "__main__");
}

TEST_P(EditorTest, NameHoldsForAwaitAndExpressions) {
  const Execution execution =
      server_.execute("import asyncio\nawait asyncio.sleep(0)\n__name__",
                      {{"name", "buffer"}, {"expressions", {{"name", "__name__"}}}});
  EXPECT_EQ(execution.value(), "buffer") << execution;
  EXPECT_EQ(execution.terminal["expressions"]["name"]["value"], "buffer");
}

TEST_P(EditorTest, NameInAModuleIsTheModules) {
  const Execution execution = server_.execute("import __main__\n[__name__, __main__.__name__]",
                                              {{"module", "colorsys"}, {"name", "other"}});
  EXPECT_EQ(execution.value(), Json::array({"other", "__main__"})) << execution;
  EXPECT_EQ(server_.execute("__name__", {{"module", "colorsys"}}).value(), "colorsys");
}

TEST_P(EditorTest, AMarginIsTakenOff) {
  const Execution execution =
      server_.execute("    x = 1\n\n  \n    if x:\n        x += 1\n    x", {{"dedent", true}});
  EXPECT_EQ(execution.value(), 2) << execution;
  EXPECT_EQ(server_.execute("\tx = 3\r\n\tx", {{"dedent", true}}).value(), 3);
  EXPECT_EQ(server_.execute("  7", {{"dedent", true}}).value(), 7);
  EXPECT_EQ(server_.execute("", {{"dedent", true}}).repr(), nullptr);
  EXPECT_EQ(server_.execute(" \n", {{"dedent", true}}).repr(), nullptr);
  EXPECT_EQ(server_.execute("  7").exception(), "IndentationError") << "unasked nothing is";
}

TEST_P(EditorTest, OnlyWhatAllLinesShareIsTakenOff) {
  EXPECT_EQ(server_.execute("  x = '''\n a'''\n  x", {{"dedent", true}}).exception(),
            "IndentationError");
  EXPECT_EQ(server_.execute("  if 1:\n\tx = 1", {{"dedent", true}}).exception(),
            "IndentationError");
  EXPECT_EQ(server_.execute("  x = '''\n  a\n   b'''\n  x", {{"dedent", true}}).value(), "\na\n b");
}

TEST_P(EditorTest, PlacesAreThoseOfWhatWasSent) {
  const Execution execution =
      server_.execute("    def f(é):\n        return é + missing\n    f(1)",
                      {{"dedent", true}, {"filename", "a.py"}, {"first_line", 20}});
  EXPECT_EQ(execution.exception(), "NameError") << execution;
  const Json frames = execution.terminal["frames"];
  ASSERT_EQ(frames.size(), 2U) << execution;
  EXPECT_EQ(frames[0]["line"], 22);
  EXPECT_EQ(frames[0]["source"], "    f(1)");
  EXPECT_EQ(frames[1]["source"], "        return é + missing");
  if (!frames[1].contains("column")) return;  // before 3.11
  EXPECT_EQ(frames[0]["column"], 4);
  EXPECT_EQ(frames[0]["end_column"], 8);
  EXPECT_EQ(frames[1]["column"], 19);
  EXPECT_EQ(frames[1]["end_column"], 26);
}

TEST_P(EditorTest, ASyntaxErrorsPlaceIsThatOfWhatWasSent) {
  for (const Json& extra : {Json{{"dedent", true}}, Json{{"dedent", true}, {"filename", "a.py"}}}) {
    const Execution early = server_.execute("    x = 1\n    y = = 2", extra);
    const Json place = early.terminal["frames"].back();
    EXPECT_EQ(place["line"], 2) << early;
    EXPECT_EQ(place["column"], 8) << early;
    EXPECT_EQ(place["source"], "    y = = 2") << early;
    const Execution late = server_.execute("    x = 1\n    return x", extra);
    EXPECT_EQ(late.terminal["syntax_message"], "'return' outside function") << late;
    EXPECT_EQ(late.terminal["frames"].back()["column"], 4) << late;
    EXPECT_EQ(late.terminal["frames"].back()["source"], "    return x") << late;
  }
}

TEST_P(EditorTest, DedentedCodeAwaits) {
  const Execution execution = server_.execute(
      "  import asyncio\n  await asyncio.sleep(0)\n  [n async for n in (x async for x in y())]\n",
      {{"dedent", true}});
  EXPECT_EQ(execution.exception(), "NameError") << execution;
  EXPECT_EQ(server_.execute("  await asyncio.sleep(0, 4)", {{"dedent", true}}).value(), 4);
}

struct Syntax : Case {
  const char* code;
  Json message;
};

class SyntaxMessageTest : public ::testing::TestWithParam<Syntax> {};

TEST_P(SyntaxMessageTest, HasNoPlace) {
  ServerProcess server;
  const Execution execution = server.execute(GetParam().code);
  EXPECT_FALSE(execution.ok());
  EXPECT_EQ(execution.terminal.value("syntax_message", Json()), GetParam().message) << execution;
}

const Syntax kSyntax[] = {
    {"OfTheCode", "x =", "invalid syntax"},
    {"Indentation", "  x", "unexpected indent"},
    {"OfCompile", "compile('1 +', 'a.py', 'exec')", "invalid syntax"},
    {"RaisedByHand", "raise SyntaxError('by hand')", "by hand"},
    {"RaisedWithoutText", "raise SyntaxError", nullptr},
    {"OfAnotherKind", "1 / 0", nullptr},
};

INSTANTIATE_TEST_SUITE_P(Errors, SyntaxMessageTest, ::testing::ValuesIn(kSyntax), CaseName{});

}  // namespace
}  // namespace replwire_tests
