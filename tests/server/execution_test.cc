// What an execution runs in, and what comes of its last expression.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

TEST(ExecutionTest, NamesPersist) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("x = 20\ndef double(n): return 2 * n").ok());
  EXPECT_EQ(server.execute("double(x) + 2").value(), 42);
}

TEST(ExecutionTest, NamespaceIsMain) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("x = 1").ok());
  const Execution execution = server.execute(R"(
import sys, __main__
def f(): pass
class C: pass
[__name__, __main__.x, sys.modules['__main__'].__dict__ is globals(), f.__module__, C.__module__]
)");
  EXPECT_EQ(execution.value(), Json::array({"__main__", 1, true, "__main__", "__main__"}));
}

TEST(ExecutionTest, NamespaceStartsWithWhatPythonPutsThere) {
  ServerProcess server;
  const Execution execution =
      server.execute("sorted(n for n in globals() if not n.startswith('__'))");
  EXPECT_EQ(execution.value(), Json::array());
}

TEST(ExecutionTest, ClassesOfTheSessionCanBePickled) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("class Point:\n    def __init__(self, x): self.x = x").ok());
  EXPECT_EQ(server.execute("import pickle\npickle.loads(pickle.dumps(Point(7))).x").value(), 7);
}

TEST(ExecutionTest, DataclassesFindTheirModule) {
  ServerProcess server;
  const Execution execution = server.execute(R"(
from __future__ import annotations
import dataclasses, typing
@dataclasses.dataclass
class Point:
    x: int
    kind: typing.ClassVar[str] = 'point'
[repr(Point(3)), len(dataclasses.fields(Point))]
)");
  EXPECT_EQ(execution.value(), Json::array({"Point(x=3)", 1})) << execution;
}

TEST(ExecutionTest, RunsOnPythonsMainThread) {
  ServerProcess server;
  EXPECT_EQ(server
                .execute("import threading, signal\n"
                         "old = signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
                         "threading.current_thread() is threading.main_thread()")
                .value(),
            true);
}

struct Last : Case {
  const char* code;
  Json repr;
};

class LastStatementTest : public ::testing::TestWithParam<Last> {};

TEST_P(LastStatementTest, DecidesTheRepr) {
  ServerProcess server;
  const Execution execution = server.execute(GetParam().code);
  ASSERT_TRUE(execution.ok()) << execution;
  EXPECT_EQ(execution.repr(), GetParam().repr) << execution;
}

const Last kLast[] = {
    {"Expression", "1 + 1", "2"},
    {"ExpressionAfterStatements", "a = 1\nb = 2\na + b", "3"},
    {"ExpressionAfterSemicolon", "a = 5; a", "5"},
    {"Assignment", "a = 1", nullptr},
    {"None", "None", nullptr},
    {"CallThatReturnsNone", "print()", nullptr},
    {"ExpressionInABlock", "if True:\n    5", nullptr},
    {"Definition", "def f(): pass", nullptr},
    {"Import", "import os", nullptr},
    {"Empty", "", nullptr},
    {"BlankLines", "\n\n", nullptr},
    {"Comment", "# nothing", nullptr},
    {"CommentAfterExpression", "7\n# seven", "7"},
    {"Text", "'text'", "'text'"},
    {"Walrus", "(n := 9)", "9"},
    {"OverSeveralLines", "[\n  1,\n  2,\n]", "[1, 2]"},
    {"Lambda", "(lambda: 3)()", "3"},
    {"Ellipsis", "...", "Ellipsis"},
    {"CodingCookieOfAText", "# -*- coding: latin-1 -*-\n'\u00e9'", "'\u00e9'"},
    {"Unicode", "'\u00fc\U0001f600'", "'\u00fc\U0001f600'"},
};

INSTANTIATE_TEST_SUITE_P(Statements, LastStatementTest, ::testing::ValuesIn(kLast), CaseName{});

TEST(ExecutionTest, LastExpressionIsEvaluatedOnce) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("calls = []").ok());
  ASSERT_TRUE(server.execute("calls.append(1) or calls").ok());
  EXPECT_EQ(server.execute("len(calls)").value(), 1);
}

TEST(ExecutionTest, ResultHasItsFields) {
  ServerProcess server;
  const Execution execution = server.execute("1", {{"id", "mine"}});
  EXPECT_EQ(execution.terminal["execution_id"], "mine");
  EXPECT_EQ(execution.terminal["execution_count"], 1);
  ASSERT_TRUE(execution.terminal["execution_time"].is_number());
  EXPECT_GE(execution.terminal["execution_time"], 0);
}

TEST(ExecutionTest, CountIsNeverUsedTwice) {
  ServerProcess server;
  EXPECT_EQ(server.execute("1").terminal["execution_count"], 1);
  EXPECT_EQ(server.execute("1 / 0").terminal["execution_count"], 2);
  EXPECT_EQ(server.execute("x = 1").terminal["execution_count"], 3);
  EXPECT_EQ(server.execute("x").terminal["execution_count"], 4);
}

TEST(ExecutionTest, UnderscoresFollowTheValues) {
  ServerProcess server;
  for (const char* code : {"1", "2", "3"}) server.execute(code);
  EXPECT_EQ(server.execute("x = [_, __, ___]\nx").value(), Json({3, 2, 1}));
}

TEST(ExecutionTest, UnderscoreStaysWhereThereIsNoValue) {
  ServerProcess server;
  server.execute("'kept'");
  server.execute("None");
  server.execute("x = 5");
  server.execute("1 / 0");
  EXPECT_EQ(server.execute("_").value(), "kept");
}

TEST(ExecutionTest, SilentHasNoValueAndNoCountAndLeavesUnderscore) {
  ServerProcess server;
  EXPECT_EQ(server.execute("'kept'").terminal["execution_count"], 1);
  const Execution silent = server.execute("print('runs')\n'quiet'", {{"silent", true}});
  ASSERT_TRUE(silent.ok());
  EXPECT_EQ(silent.repr(), nullptr);
  EXPECT_FALSE(silent.terminal.contains("value") && !silent.terminal["value"].is_null());
  EXPECT_EQ(silent.out, "runs\n");
  const Execution next = server.execute("_");
  EXPECT_EQ(next.value(), "kept");
  EXPECT_EQ(next.terminal["execution_count"], 2);
}

TEST(ExecutionTest, SilentErrorIsAnErrorAllTheSame) {
  ServerProcess server;
  EXPECT_EQ(server.execute("1 / 0", {{"silent", true}}).exception(), "ZeroDivisionError");
}

TEST(ExecutionTest, FutureImportsOfUserCodePersist) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("from __future__ import annotations").ok());
  EXPECT_EQ(server.execute("def f(x: NotDefined): pass\nf.__annotations__['x']").value(),
            "NotDefined");
}

TEST(ExecutionTest, CompilerFlagsOfTheServerDoNotLeak) {
  ServerProcess server;
  const std::string f = "def f(x: NotDefined): pass\nf.__annotations__";  // from 3.14 on the latter
  EXPECT_EQ(server.execute(f).exception(), "NameError");
  EXPECT_EQ(server.execute("exec(" + Json(f).dump() + ")").exception(), "NameError");
  EXPECT_EQ(server.execute("compile('await x', 's', 'exec')").exception(), "SyntaxError");
}

TEST(ExecutionTest, RunInTheOrderInWhichTheyCame) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("order = []").ok());
  std::vector<Json> ids;
  for (int n = 0; n < 100; ++n)
    ids.push_back(server.start("order.append(" + std::to_string(n) + ")"));
  for (const Json& id : ids) {
    EXPECT_EQ(server.read_until(is_terminal).back()["execution_id"], id);
  }
  EXPECT_EQ(server.execute("order == list(range(100))").value(), true);
}

TEST(ExecutionTest, LargeCodeRuns) {
  ServerProcess server;
  std::string code;
  for (int n = 0; n < 20'000; ++n) code += "x = " + std::to_string(n) + "  # a line like others\n";
  EXPECT_EQ(server.execute(code + "x").value(), 19'999);
}

TEST(ExecutionTest, NullByteInCodeIsAnError) {
  ServerProcess server;
  EXPECT_FALSE(server.execute(std::string("x = 1\0", 6)).ok());
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(ExecutionTest, HopelesslyNestedCodeIsAnError) {
  ServerProcess server;
  std::string sum = "1";
  for (int n = 0; n < 100'000; ++n) sum += "+1";
  EXPECT_FALSE(server.execute(std::string(100'000, '(')).ok());
  server.execute(sum);
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(ExecutionTest, AThreadOfTheSessionRunsOn) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute("import threading\ngo, done = threading.Event(), threading.Event()\n"
                           "def work():\n    go.wait()\n    done.set()\n"
                           "threading.Thread(target=work).start()")
                  .ok());
  EXPECT_EQ(server.execute("go.set()\ndone.wait(10)").value(), true);
}

}  // namespace
}  // namespace replwire_tests
