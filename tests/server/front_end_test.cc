// What front ends ask of an execution: started, expressions, no history.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/case.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

class FrontEndTest : public ::testing::TestWithParam<bool> {
 protected:
  ServerProcess server_{GetParam() ? surviving() : Launch{}};
};

INSTANTIATE_TEST_SUITE_P(Modes, FrontEndTest, ::testing::Bool(),
                         [](const auto& given) { return given.param ? "Survive" : "Local"; });

TEST_P(FrontEndTest, StartedComesBeforeWhatTheExecutionCauses) {
  const Json asks = server_.start("input()");
  const Json question = server_.await_input();
  const Json next = server_.start("print('x')", {{"notify_start", true}});
  for (const Json& frame : server_.frames_before_status()) EXPECT_NE(frame["type"], "started");
  server_.answer(question["id"], "");
  const Execution execution = server_.finish(next);
  ASSERT_TRUE(execution.ok()) << execution;
  const Json started = frame_of(execution.frames, "started");
  EXPECT_EQ(started, (Json{{"type", "started"}, {"execution_id", next}, {"execution_count", 2}}));
  const auto types = types_of(execution.frames);
  const auto at = [&types](const char* type) { return std::ranges::find(types, type); };
  EXPECT_LT(at("started"), at("output")) << execution;
}

TEST_P(FrontEndTest, NobodyIsToldOfAStartUnasked) {
  const Execution execution = server_.execute("1", {{"notify_start", false}});
  EXPECT_TRUE(frame_of(execution.frames, "started").is_null()) << execution;
}

TEST_P(FrontEndTest, ASilentStartHasNoCount) {
  const Execution execution = server_.execute("1", {{"notify_start", true}, {"silent", true}});
  EXPECT_EQ(frame_of(execution.frames, "started")["execution_count"], nullptr) << execution;
}

TEST_P(FrontEndTest, WithoutHistoryTheValueIsToldAndNothingElseMoves) {
  ASSERT_TRUE(server_.execute("'first'").ok());
  const Execution aside = server_.execute("'aside'", {{"store_history", false}});
  EXPECT_EQ(aside.value(), "aside") << aside;
  EXPECT_EQ(aside.repr(), "'aside'");
  EXPECT_EQ(aside.terminal["execution_count"], nullptr);
  const Execution failed = server_.execute("1 / 0", {{"store_history", false}});
  EXPECT_EQ(failed.terminal["execution_count"], nullptr) << failed;
  const Execution after = server_.execute("_");
  EXPECT_EQ(after.value(), "first") << after;
  EXPECT_EQ(after.terminal["execution_count"], 2);
}

TEST_P(FrontEndTest, ASilentOneIsNotStoredWhateverElseItSays) {
  const Execution execution = server_.execute("1", {{"silent", true}, {"store_history", true}});
  EXPECT_EQ(execution.terminal["execution_count"], nullptr) << execution;
  EXPECT_EQ(execution.repr(), nullptr);
}

TEST_P(FrontEndTest, ExpressionsAreToldAsValuesAre) {
  const Execution execution = server_.execute(
      "class Rich:\n"
      "    def _repr_html_(self): return '<b>', {'isolated': True}\n"
      "    def __repr__(self): return 'Rich()'\n"
      "rich = Rich()",
      {{"expressions",
        {{"sum", "1 + 1"}, {"none", "None"}, {"rich", "rich"}, {"type", " type(rich)"}}}});
  ASSERT_TRUE(execution.ok()) << execution;
  const Json told = execution.terminal["expressions"];
  EXPECT_EQ(told["sum"], (Json{{"repr", "2"}, {"value", 2}}));
  EXPECT_EQ(told["none"], (Json{{"repr", "None"}, {"value", nullptr}}));
  EXPECT_EQ(told["rich"]["display"]["text/html"], "<b>");
  EXPECT_EQ(told["rich"]["display_metadata"]["text/html"]["isolated"], true);
  EXPECT_EQ(told["type"], (Json{{"repr", "<class '__main__.Rich'>"}}));
}

TEST_P(FrontEndTest, EachExpressionFailsAlone) {
  const Execution execution = server_.execute(
      "'value'",
      {{"expressions", {{"a", "1 / 0"}, {"b", "x = 1"}, {"c", "exit(3)"}, {"d", "_"}, {"e", ""}}}});
  ASSERT_TRUE(execution.ok()) << execution;
  const Json told = execution.terminal["expressions"];
  EXPECT_EQ(told["a"], (Json{{"exception_type", "ZeroDivisionError"},
                             {"exception_message", "division by zero"}}));
  EXPECT_EQ(told["b"]["exception_type"], "SyntaxError");
  EXPECT_EQ(told["c"]["exception_type"], "SystemExit");
  EXPECT_EQ(told["d"]["value"], "value");
  EXPECT_EQ(told["e"]["exception_type"], "SyntaxError");
  EXPECT_EQ(server_.execute("_").value(), "value") << "expressions leave it alone";
}

TEST_P(FrontEndTest, AReprThatRaisesIsTheExpressionsFailure) {
  const Execution execution =
      server_.execute("class Bad:\n    def __repr__(self): raise KeyError('no')",
                      {{"expressions", {{"bad", "Bad()"}, {"good", "2"}}}});
  ASSERT_TRUE(execution.ok()) << execution;
  EXPECT_EQ(execution.terminal["expressions"]["bad"],
            (Json{{"exception_type", "KeyError"}, {"exception_message", "'no'"}}));
  EXPECT_EQ(execution.terminal["expressions"]["good"]["value"], 2);
}

TEST_P(FrontEndTest, AfterAnErrorThereAreNoExpressions) {
  const Execution execution =
      server_.execute("x = 1\n1 / 0", {{"expressions", {{"x", "print('never')"}}}});
  EXPECT_EQ(execution.exception(), "ZeroDivisionError");
  EXPECT_FALSE(execution.terminal.contains("expressions")) << execution;
  EXPECT_EQ(execution.out, "");
}

TEST_P(FrontEndTest, ExpressionsOfASilentExecutionAreTold) {
  const Execution execution =
      server_.execute("x = 3", {{"silent", true}, {"expressions", {{"x", "x"}}}});
  EXPECT_EQ(execution.terminal["expressions"]["x"]["value"], 3) << execution;
}

TEST_P(FrontEndTest, ExpressionsMayAwaitAndPrint) {
  const Execution execution = server_.execute(
      "import asyncio",
      {{"expressions", {{"a", "await asyncio.sleep(0, 5)"}, {"b", "print('seen')"}}}});
  EXPECT_EQ(execution.terminal["expressions"]["a"]["value"], 5) << execution;
  EXPECT_EQ(execution.out, "seen\n");
}

TEST_P(FrontEndTest, AnInterruptOfAnExpressionEndsTheExecution) {
  const Json id = server_.start("", {{"expressions", {{"a", "input()"}, {"b", "print('never')"}}}});
  server_.await_input();
  server_.interrupt(id);
  const Execution execution = server_.finish(id);
  EXPECT_EQ(execution.reason(), "interrupt") << execution;
  EXPECT_EQ(execution.out, "");
}

TEST_P(FrontEndTest, ADeadlineHoldsForExpressions) {
  const Execution execution = server_.execute(
      "import time", {{"timeout", 0.1}, {"expressions", {{"a", "time.sleep(60)"}}}});
  EXPECT_EQ(execution.reason(), "timeout") << execution;
}

std::vector<Json> values_of(const Execution& execution) {
  std::vector<Json> values;
  for (const Json& frame : execution.frames) {
    if (frame["type"] == "value") values.push_back(frame);
  }
  return values;
}

TEST_P(FrontEndTest, EachValueIsToldAsItIsEvaluated) {
  const Execution execution =
      server_.execute("print('a')\n1 + 1\nprint('b')\nx = 5\nif x: x\n[x,\n 6]; 'two'\nx + len(_)",
                      {{"values", "all"}, {"first_line", 11}});
  ASSERT_TRUE(execution.ok()) << execution;
  const auto values = values_of(execution);
  ASSERT_EQ(values.size(), 3U) << execution;
  EXPECT_EQ(values[0], (Json{{"type", "value"},
                             {"execution_id", execution.terminal["execution_id"]},
                             {"line", 12},
                             {"repr", "2"},
                             {"value", 2}}));
  EXPECT_EQ(values[1]["line"], 16);
  EXPECT_EQ(values[1]["value"], Json::array({5, 6}));
  EXPECT_EQ(values[2]["line"], 17);
  EXPECT_EQ(values[2]["value"], "two");
  EXPECT_EQ(execution.value(), 8) << "_ is the value before";
  EXPECT_EQ(steps_of(execution.frames),
            (std::vector<std::string>{"output", "value", "output", "value", "value", "result"}));
}

TEST_P(FrontEndTest, ValuesOfCodeThatAwaits) {
  const Execution execution = server_.execute(
      "import asyncio\nawait asyncio.sleep(0, 'first')\n'second'\nawait asyncio.sleep(0, 'last')",
      {{"values", "all"}});
  ASSERT_TRUE(execution.ok()) << execution;
  const auto values = values_of(execution);
  ASSERT_EQ(values.size(), 2U) << execution;
  EXPECT_EQ(values[0]["value"], "first");
  EXPECT_EQ(values[1]["value"], "second");
  EXPECT_EQ(execution.value(), "last");
}

TEST_P(FrontEndTest, ValuesUpToAnError) {
  const Execution execution = server_.execute("'told'\n1 / 0\n'never'", {{"values", "all"}});
  EXPECT_EQ(execution.exception(), "ZeroDivisionError") << execution;
  EXPECT_EQ(execution.terminal["frames"].back()["line"], 2);
  ASSERT_EQ(values_of(execution).size(), 1U) << execution;
}

TEST_P(FrontEndTest, ASilentExecutionTellsNoValues) {
  const Execution execution = server_.execute("1\n2", {{"values", "all"}, {"silent", true}});
  EXPECT_TRUE(values_of(execution).empty()) << execution;
}

TEST_P(FrontEndTest, WithAStatementLastAllValuesAreTold) {
  const Execution execution =
      server_.execute("1\n2\nx = 3", {{"values", "all"}, {"store_history", false}});
  EXPECT_EQ(values_of(execution).size(), 2U) << execution;
  EXPECT_EQ(execution.repr(), nullptr);
  EXPECT_EQ(server_.execute("_").exception(), "NameError") << "nothing is stored";
}

TEST_P(FrontEndTest, AWindowOfAnotherSize) {
  ServerProcess server(GetParam() ? surviving({"--width", "70"}) : options({"--width", "70"}));
  const std::string size = "import os, shutil\n[os.getenv('COLUMNS'), *shutil.get_terminal_size()]";
  EXPECT_EQ(server.execute(size).value()[0], "70");
  EXPECT_EQ(server.execute(size).value()[1], 70);
  EXPECT_EQ(request(server, {{"type", "resize"}, {"columns", 90}, {"lines", 30}})["type"],
            "resize_reply");
  EXPECT_EQ(server.execute(size).value(), Json::array({"90", 90, 30}));
  EXPECT_EQ(
      server.execute("import subprocess\nsubprocess.check_output(['printenv', 'LINES']).decode()")
          .value(),
      "30\n")
      << "children see it as well";
  ASSERT_TRUE(server.execute("os.environ['COLUMNS'] = '7'").ok());
  EXPECT_EQ(server.execute(size).value()[0], "7") << "what code says holds until the next resize";
}

TEST(ResizeTest, HoldsBehindARestore) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute("import shutil").ok());
  request(server, {{"type", "resize"}, {"columns", 90}, {"lines", 30}});
  kill_at_rest(server, first_interpreter(server));
  EXPECT_EQ(server.execute("tuple(shutil.get_terminal_size())").value(), Json::array({90, 30}));
}

struct Refused : Case {
  const char* field;
  Json value;
};

class RefusedFieldTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedFieldTest, IsNamed) {
  ServerProcess server;
  server.send(
      {{"type", "execute"}, {"id", "e"}, {"code", "1"}, {GetParam().field, GetParam().value}});
  const Json error = server.read_until("protocol_error").back();
  EXPECT_EQ(error["code"], "invalid_field");
  EXPECT_NE(error["message"].get<std::string>().find("/" + std::string(GetParam().field)),
            std::string::npos)
      << error;
  EXPECT_EQ(server.execute("6 * 7").value(), 42);
}

const Refused kRefused[] = {
    {"NotifyStart", "notify_start", "yes"},
    {"StoreHistory", "store_history", 0},
    {"ExpressionsIsList", "expressions", Json::array()},
    {"ExpressionsIsText", "expressions", "x"},
    {"Dedent", "dedent", 1},
    {"NameIsNumber", "name", 1},
    {"Values", "values", "some"},
    {"ModuleIsNumber", "module", 1},
    {"ModuleIsEmpty", "module", ""},
    {"ModuleIsNoName", "module", "a b"},
    {"ModuleIsRelative", "module", ".os"},
    {"ModuleEndsInADot", "module", "os."},
    {"ModuleIsAPath", "module", "os/path"},
    {"ModuleBeginsWithADigit", "module", "a.1"},
};

INSTANTIATE_TEST_SUITE_P(Fields, RefusedFieldTest, ::testing::ValuesIn(kRefused), CaseName{});

TEST(RefusedFieldTest, AnExpressionIsNamedByItsName) {
  ServerProcess server;
  server.send({{"type", "execute"}, {"code", "1"}, {"expressions", {{"a", "1"}, {"b", 2}}}});
  EXPECT_EQ(server.read_until("protocol_error").back()["message"],
            "execute: /expressions/b: must be a string");
}

}  // namespace
}  // namespace replwire_tests
