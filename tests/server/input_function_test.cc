// The function object behind `input`: one for the session, and what user code may do to it.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

TEST(InputFunctionTest, IsOneObjectForTheWholeSession) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import builtins\nsaved = builtins.input").ok());
  server.ask("input()", "x");
  EXPECT_EQ(server.execute("input is saved and builtins.input is saved").value(), true);
}

TEST(InputFunctionTest, IsTheSameObjectAfterAReset) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import sys, builtins\nsys.saved = builtins.input").ok());
  server.send({{"type", "reset"}, {"id", "r"}});
  server.read_until("reset_reply");
  EXPECT_EQ(server.execute("import sys, builtins\nbuiltins.input is sys.saved").value(), true);
  EXPECT_EQ(server.ask("input()", "x").value(), "x");
}

TEST(InputFunctionTest, MockIsRespectedAndLeavesNoTrace) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import builtins\nsaved = builtins.input").ok());
  const Execution mocked = server.execute(R"(
from unittest.mock import patch
with patch('builtins.input', return_value='mocked'):
    got = input('not asked')
got
)");
  EXPECT_EQ(mocked.value(), "mocked");
  EXPECT_EQ(server.execute("builtins.input is saved").value(), true);
  EXPECT_EQ(server.ask("input()", "asked").value(), "asked");
}

TEST(InputFunctionTest, OwnFunctionStaysInLaterExecutions) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute("import builtins\nsaved = builtins.input\n"
                           "builtins.input = lambda prompt='': 'own ' + prompt")
                  .ok());
  EXPECT_EQ(server.execute("input('one')").value(), "own one");
  EXPECT_EQ(server.execute("input('two')").value(), "own two");
  ASSERT_TRUE(server.execute("builtins.input = saved").ok());
  EXPECT_EQ(server.ask("input()", "asked").value(), "asked");
}

TEST(InputFunctionTest, OwnFunctionMayWrapTheOriginal) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute("import builtins\nsaved = builtins.input\n"
                           "builtins.input = lambda p='': saved(p).upper()")
                  .ok());
  EXPECT_EQ(server.ask("input()", "loud").value(), "LOUD");
}

TEST(InputFunctionTest, GlobalOfThatNameHidesIt) {
  ServerProcess server;
  EXPECT_EQ(server.execute("input = lambda: 'mine'\ninput()").value(), "mine");
  EXPECT_EQ(server.execute("input()").value(), "mine");
  EXPECT_EQ(server.ask("del input\ninput()", "asked").value(), "asked");
}

class InputPutBackTest : public ::testing::TestWithParam<const char*> {};

TEST_P(InputPutBackTest, TheSameFunctionGoesBackAsAnExecutionStarts) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import builtins\nsaved = builtins.input").ok());
  ASSERT_TRUE(server.execute(GetParam()).ok());
  EXPECT_EQ(server.execute("builtins.input is saved").value(), true);
  EXPECT_EQ(server.ask("input()", "back").value(), "back");
}

INSTANTIATE_TEST_SUITE_P(Damages, InputPutBackTest,
                         ::testing::Values("del builtins.input", "builtins.input = None",
                                           "builtins.input = 3", "builtins.input = 'text'"));

TEST(InputFunctionTest, IsMissingForTheRestOfTheExecutionThatDeletedIt) {
  ServerProcess server;
  const Execution execution = server.execute("import builtins\ndel builtins.input\ninput()");
  EXPECT_EQ(execution.exception(), "NameError");
}

struct Prompt : Case {
  const char* argument;
  const char* expected;
};

class InputPromptTest : public ::testing::TestWithParam<Prompt> {};

TEST_P(InputPromptTest, TravelsInTheFrameAndIsNotPrinted) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("class P:\n    def __str__(self): return 'from str'").ok());
  const Json id = server.start("input(" + std::string(GetParam().argument) + ")");
  const Json request = server.await_input();
  EXPECT_EQ(request["prompt"], GetParam().expected);
  server.answer(request["id"], "x");
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.value(), "x");
  EXPECT_EQ(execution.out + execution.err, "");
}

const Prompt kPrompts[] = {
    {"None_at_all", "", ""},
    {"Empty", "''", ""},
    {"Text", "'Name: '", "Name: "},
    {"Number", "42", "42"},
    {"NoneItself", "None", "None"},
    {"ListOfThings", "[1, 'a']", "[1, 'a']"},
    {"OwnClass", "P()", "from str"},
    {"Lines", "'one\\ntwo\\n'", "one\ntwo\n"},
    {"Unicode", "'\\u00fcber \\U0001f600 \\u2028'", "\u00fcber \U0001f600 \u2028"},
    {"LoneSurrogate", "'a\\udc80b'", "a\\udc80b"},
};

INSTANTIATE_TEST_SUITE_P(Prompts, InputPromptTest, ::testing::ValuesIn(kPrompts), CaseName{});

TEST(InputFunctionTest, PromptThatRaisesIsTheUsersError) {
  ServerProcess server;
  const Execution execution = server.execute(
      "class Bad:\n    def __str__(self): raise ValueError('no prompt')\ninput(Bad())");
  EXPECT_EQ(execution.exception(), "ValueError");
  EXPECT_EQ(server.ask("input()", "fine").value(), "fine");
}

TEST(InputFunctionTest, OutputWrittenBeforePrecedesTheRequest) {
  ServerProcess server;
  const Json id = server.start("print('line')\nprint('tail', end='')\nanswer = input()");
  const std::vector<Json> before = server.read_until("input");
  EXPECT_EQ(output_text(before, "stdout"), "line\ntail");
  server.answer(before.back()["id"], "x");
  EXPECT_TRUE(server.finish(id).ok());
}

}  // namespace
}  // namespace replwire_tests
