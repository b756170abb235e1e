// `is_complete`: what the interpreter's own prompt would decide.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

Json ask(ServerProcess& server, const std::string& code) {
  server.send({{"type", "is_complete"}, {"id", "ask"}, {"code", code}});
  return server.read_until("is_complete_reply").back();
}

struct Code : Case {
  const char* code;
  const char* status;
  const char* indent;  // null: none
};

class IsCompleteTest : public ::testing::TestWithParam<Code> {};

TEST_P(IsCompleteTest, DecidesAsThePromptWould) {
  ServerProcess server;
  const Json reply = ask(server, GetParam().code);
  EXPECT_EQ(reply["id"], "ask");
  EXPECT_EQ(reply["status"], GetParam().status) << reply;
  const Json indent = GetParam().indent == nullptr ? Json() : Json(GetParam().indent);
  EXPECT_EQ(reply.value("indent", Json()), indent);
}

const Code kCodes[] = {
    {"Nothing", "", "complete", nullptr},
    {"BlankLines", "\n  \n", "complete", nullptr},
    {"Comment", "# a word", "complete", nullptr},
    {"Expression", "1 + 1", "complete", nullptr},
    {"Statements", "a = 1\nb = 2", "complete", nullptr},
    {"CarriageReturns", "if x:\r\n  y\r\n", "complete", nullptr},
    {"BlockOpens", "if x:", "incomplete", "    "},
    {"BlockOpensBeforeAComment", "if x:  # why", "incomplete", "    "},
    {"BlockGoesOn", "for x in y:\n  print(x)", "incomplete", "  "},
    {"BlockGoesOnBehindStatements", "a = 1\nfor x in y:\n\tprint(x)", "incomplete", "\t"},
    {"BlockOnOneLine", "if x: y", "incomplete", ""},
    {"BlockEndsWithABlankLine", "for x in y:\n  print(x)\n", "complete", nullptr},
    {"BlockIsFollowed", "for x in y:\n  print(x)\nz", "complete", nullptr},
    {"BlockHoldsAComment", "if x:\n  # later", "incomplete", "  "},
    {"NothingFollowsReturn", "def f():\n    return 1", "incomplete", ""},
    {"NestedBlock", "class A:\n  def f(self):", "incomplete", "    "},
    {"TryAlone", "try:\n  a\n", "incomplete", "  "},
    {"Else", "if x:\n  y\nelse:", "incomplete", "  "},
    {"Decorator", "@cache", "incomplete", ""},
    {"DecoratedFunction", "@cache\ndef f():", "incomplete", "    "},
    {"DecoratedFunctionEnds", "@cache\ndef f():\n    return 1\n", "complete", nullptr},
    {"TripleQuotes", "text = '''one", "incomplete", ""},
    {"TripleQuotesEnd", "text = '''one\ntwo'''", "complete", nullptr},
    {"Backslash", "total = 1 + \\", "incomplete", "    "},
    {"BackslashAlone", "\\\n", "incomplete", "    "},
    {"OpenBracket", "f(a,", "incomplete", "    "},
    {"OpenBracketInABlock", "if x:\n    f(a,\n", "incomplete", "        "},
    {"WrongBracket", "f(a]", "invalid", nullptr},
    {"Match", "match x:", "incomplete", "    "},
    {"MatchCase", "match x:\n    case 1:", "incomplete", "        "},
    {"MatchEnds", "match x:\n    case 1:\n        y\n", "complete", nullptr},
    {"MatchIsAName", "match = 1", "complete", nullptr},
    {"Await", "await x", "complete", nullptr},
    {"AsyncFor", "async for x in y:\n    z\n", "complete", nullptr},
    {"AsyncDef", "async def f():", "incomplete", "    "},
    {"SyntaxError", "x = = 1", "invalid", nullptr},
    {"HalfAnExpression", "x = 1 +", "invalid", nullptr},
    {"HalfAString", "x = 'one", "invalid", nullptr},
    {"WrongIndent", "if x:\n    a\n  b", "invalid", nullptr},
    {"ReturnOutside", "return 1", "invalid", nullptr},
};

INSTANTIATE_TEST_SUITE_P(Codes, IsCompleteTest, ::testing::ValuesIn(kCodes), CaseName{});

TEST(IsCompleteTest, WarningsAreNotSaid) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import warnings\nwarnings.simplefilter('error')").ok());
  EXPECT_EQ(ask(server, "'\\d' is 1")["status"], "complete");
  EXPECT_TRUE(server.execute("[f for f in warnings.filters if 'replwire' in str(f)]").value() ==
              Json::array());
  ASSERT_TRUE(server.execute("warnings.simplefilter('always')").ok());
  EXPECT_EQ(ask(server, "'\\d' is 1")["status"], "complete");
  EXPECT_EQ(server.execute("'quiet'").frames.size(), 1U);
}

TEST(IsCompleteTest, WarningsAreNoErrorsEither) {
  ServerProcess server(options({"--", "-W", "error"}));
  server.send({{"type", "is_complete"}, {"id", 1}, {"code", "1 is 1"}});
  EXPECT_EQ(server.read_until("is_complete_reply").back()["status"], "complete");
  EXPECT_EQ(server.execute("1 is 1").exception(), "SyntaxError");  // the user's own
}

TEST(IsCompleteTest, CodeThatIsTooMuchForTheParserIsInvalid) {
  ServerProcess server;
  EXPECT_EQ(ask(server, std::string(5000, '('))["status"], "invalid");
  EXPECT_EQ(ask(server, "a" + std::string(1, '\0'))["status"], "invalid");
  EXPECT_EQ(server.execute("'alive'").value(), "alive");
}

TEST(IsCompleteTest, CodeIsRequired) {
  ServerProcess server;
  server.send({{"type", "is_complete"}, {"id", 1}});
  const Json error = server.read_until("protocol_error").back();
  EXPECT_EQ(error["code"], "missing_field");
  EXPECT_EQ(error["id"], 1);
}

TEST(IsCompleteTest, TheEndOfInputWaitsForTheAnswer) {
  ServerProcess server;
  server.send({{"type", "is_complete"}, {"id", 1}, {"code", "x"}});
  server.close_stdin();
  EXPECT_EQ(types_of(server.read_to_end()), std::vector<std::string>{"is_complete_reply"});
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(IsCompleteTest, AfterShutdownItIsRefused) {
  ServerProcess server;
  server.send_line(R"({"type":"shutdown"})"
                   "\n"
                   R"({"type":"is_complete","id":1,"code":"x"})");
  std::vector<Json> frames = server.read_to_end();
  ASSERT_EQ(types_of(frames), (std::vector<std::string>{"protocol_error", "shutdown_reply"}));
  EXPECT_EQ(frames[0]["code"], "shutting_down");
}

}  // namespace
}  // namespace replwire_tests
