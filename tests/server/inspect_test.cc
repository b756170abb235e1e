// `inspect`: what the name at the cursor stands for, told without running any of the user's code.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"
#include "support/spy.h"

namespace replwire_tests {
namespace {

Json inspect(ServerProcess& server, const std::string& code, Json extra = Json::object()) {
  extra.update({{"type", "inspect"}, {"id", "ask"}, {"code", code}});
  server.send(extra);
  return server.read_until("inspect_reply").back();
}

std::string plain(const Json& reply) { return reply["data"].value("text/plain", ""); }

constexpr const char* kThings = R"(import functools, os
class Thing:
    """A thing.

    Of some kind.
    """
    def method(self, first, second=2, *, third: int = 3) -> 'Thing':
        """Does it."""
        return (first,
second)
    @property
    def weight(self):
        """How heavy."""
        1 / 0
thing = Thing()
@functools.cache
def decorated(x): return x
def function(one, two='2', /, *rest, **others):
    # a comment
    return one

def wrapping(f):
    @functools.wraps(f)
    def wrapper(*args): return f(*args)
    return wrapper
wrapped = wrapping(function)
numbers = [1, 2, [3]]
)";

struct Wanted : Case {
  const char* code;
  std::vector<std::string> texts;
};

class InspectTest : public ::testing::TestWithParam<Wanted> {};

TEST_P(InspectTest, Tells) {
  ServerProcess server;
  ASSERT_TRUE(server.execute(kThings, {{"filename", "things.py"}, {"first_line", 10}}).ok());
  std::string code = GetParam().code;
  const std::size_t cursor = code.find('|');
  code.erase(cursor, 1);
  const Json reply = inspect(server, code, {{"cursor_pos", cursor}, {"detail_level", 1}});
  EXPECT_EQ(reply["status"], "ok");
  EXPECT_EQ(reply["found"], true);
  EXPECT_EQ(reply["metadata"], Json::object());
  for (const std::string& text : GetParam().texts) {
    EXPECT_NE(plain(reply).find(text), std::string::npos) << text << " is not in\n" << plain(reply);
  }
}

const Wanted kWanted[] = {
    {"Function",
     "func|tion(1)",
     {"function(one, two='2', /, *rest, **others)", "Type: function",
      "Defined in: things.py, line 27", "Source:\ndef function(one", "    return one\n"}},
    {"Class", "Thing|", {"A thing.\n\nOf some kind.", "Defined in: things.py, line 11"}},
    {"ClassSource", "Thing|", {"Source:\nclass Thing:\n", "        1 / 0\n"}},
    {"Method",
     "thing.method|",
     {"method(first, second=2, *, third: int = 3) -> Thing", "Does it.",
      "        return (first,\nsecond)\n"}},
    {"Instance", "thing|", {"Type: __main__.Thing", "Value: <__main__.Thing object>", "A thing."}},
    {"List", "numbers|", {"Value: [1, 2, [3]]", "Length: 3"}},
    {"Item", "numbers[2]|", {"Value: [3]"}},
    {"Property", "thing.wei|ght", {"Type: property", "How heavy."}},
    {"Wrapped", "wrapped|", {"wrapped(one, two='2', /, *rest, **others)"}},
    {"Builtin", "len|", {"len(obj, /)", "Return the number of items"}},
    {"Module", "os|", {"Type: module", "/os.py"}},
    {"FunctionOfAModule", "os.path.join|", {"join(a, *p)", "Defined in: ", "posixpath.py"}},
    {"ClassOfAModule", "os.PathLike|", {"Defined in: ", "/os.py", "Source:\nclass PathLike"}},
    {"SourceOfAModule", "functools|", {"Source:\n\"\"\"functools.py", "def singledispatch("}},
    {"CallAroundTheCursor", "function(1, |)", {"function(one"}},
    {"NameBeforeTheCall", "function(num|bers)", {"Value: [1, 2, [3]]"}},
    {"CallAroundAnUnknownName", "function(unk|nown)", {"function(one"}},
    {"CallAroundAString", "print('a|')", {"print(", "flush=False"}},
    {"OuterCall", "function(unknown(|", {"function(one"}},
};

INSTANTIATE_TEST_SUITE_P(Codes, InspectTest, ::testing::ValuesIn(kWanted), CaseName{});

TEST(InspectTest, SourceOnlyWhenAskedFor) {
  ServerProcess server;
  ASSERT_TRUE(server.execute(kThings).ok());
  EXPECT_EQ(plain(inspect(server, "function")).find("return one"), std::string::npos);
  EXPECT_EQ(plain(inspect(server, "function", {{"detail_level", 0}})).find("return one"),
            std::string::npos);
}

TEST(InspectTest, MarkdownAsWell) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("def f(a):\n    '''Says ```this```.'''").ok());
  const Json data = inspect(server, "f", {{"detail_level", 1}})["data"];
  const std::string text = data["text/markdown"];
  EXPECT_EQ(text.find("```python\nf(a)\n```"), 0U) << text;
  EXPECT_NE(text.find("````text\nSays ```this```.\n````"), std::string::npos) << text;
  EXPECT_NE(text.find("**Source:**"), std::string::npos) << text;
}

TEST(InspectTest, WhatIsNotThereIsNotFound) {
  ServerProcess server;
  for (const char* code : {"", "unknown", "# len", "for", "x = 1 +", "unknown.name"}) {
    const Json reply = inspect(server, code);
    EXPECT_EQ(reply["found"], false) << code;
    EXPECT_EQ(reply["data"], Json::object()) << code;
  }
}

TEST(InspectTest, WrongFieldsAreNamed) {
  ServerProcess server;
  server.send({{"type", "inspect"}, {"id", 1}, {"code", "x"}, {"detail_level", 2}});
  const Json error = server.read_until("protocol_error").back();
  EXPECT_EQ(error["code"], "invalid_field");
  EXPECT_NE(error["message"].get<std::string>().find("/detail_level"), std::string::npos);
}

TEST(InspectTest, NoUserCodeRuns) {
  ServerProcess server;
  ASSERT_TRUE(server.execute(kSpies).ok());
  for (const char* code : {"spy",
                           "Spy",
                           "Meta",
                           "spy.method",
                           "spy.prop",
                           "spy.descriptor",
                           "spy.shape",
                           "spy.unknown",
                           "spy_dict",
                           "spy_dict['key']",
                           "spy_list",
                           "spy_str",
                           "holder",
                           "holder['more']",
                           "holder['more'][1][0]",
                           "spied",
                           "spied(",
                           "spy(",
                           "Spy(",
                           "partial",
                           "partial(",
                           "plain",
                           "plain.spy",
                           "module",
                           "module.spy",
                           "module.unknown",
                           "Spy.prop",
                           "Spy.method"}) {
    inspect(server, code, {{"detail_level", 1}});
  }
  EXPECT_EQ(server.execute("calls").value(), Json::array());
}

TEST(InspectTest, ALongDocumentationIsBounded) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("def f(): pass\nf.__doc__ = 'x' * 10_000_000").ok());
  EXPECT_LT(plain(inspect(server, "f")).size(), 100'000U);
}

TEST(InspectTest, AnswersWhileCodeRuns) {
  ServerProcess server;
  const Json id = server.start("def f(a): 'Says so.'\nprint('go')\nwhile True: pass");
  server.read_line();
  EXPECT_NE(plain(inspect(server, "f")).find("Says so."), std::string::npos);
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
}

TEST(InspectTest, AnArrayByItsShape) {
  ServerProcess server;
  if (!server.execute("import numpy\na = numpy.zeros((3, 4))").ok()) {
    GTEST_SKIP() << "needs python3-numpy";
  }
  const std::string text = plain(inspect(server, "a"));
  EXPECT_NE(text.find("Shape: (3, 4)\nDtype: float64"), std::string::npos) << text;
}

// ---- definition and signatures ---------------------------------------------------------------

TEST(InspectPlaceTest, IsToldAsData) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute("import json\n\ndef function(): pass\n\nclass Thing:\n    pass\nx = 5",
                           {{"filename", "things.py"}, {"first_line", 5}})
                  .ok());
  EXPECT_EQ(inspect(server, "function")["definition"],
            (Json{{"filename", "things.py"}, {"line", 7}}));
  EXPECT_EQ(inspect(server, "Thing")["definition"], (Json{{"filename", "things.py"}, {"line", 9}}));
  const Json module = inspect(server, "json")["definition"];
  EXPECT_TRUE(module["filename"].get<std::string>().ends_with("json/__init__.py")) << module;
  EXPECT_EQ(module["line"], 1);
  EXPECT_FALSE(inspect(server, "x").contains("definition"));
  EXPECT_FALSE(inspect(server, "len").contains("definition"));
}

struct Call : Case {
  const char* code;
  Json label;   // null: no signature is told
  Json active;  // null: none
};

class InspectSignatureTest : public ::testing::TestWithParam<Call> {};

TEST_P(InspectSignatureTest, IsToldAsData) {
  ServerProcess server;
  ASSERT_TRUE(server.execute(kThings).ok());
  ASSERT_TRUE(server.execute("def f(a, b: int = 2, *rest, key=None, **more): pass\nname = 1").ok());
  const Json reply = inspect(server, GetParam().code);
  if (GetParam().label.is_null()) {
    EXPECT_FALSE(reply.contains("signatures")) << reply;
    return;
  }
  ASSERT_EQ(reply["signatures"].size(), 1U) << reply;
  const Json signature = reply["signatures"][0];
  EXPECT_EQ(signature["label"], GetParam().label) << reply;
  EXPECT_EQ(signature.value("active_parameter", Json()), GetParam().active) << reply;
  for (const Json& parameter : signature["parameters"]) {
    EXPECT_NE(signature["label"].get<std::string>().find(parameter["label"]), std::string::npos);
  }
}

const char* const kOfF = "f(a, b: int = 2, *rest, key=None, **more)";
const Call kCalls[] = {
    {"ItsName", "f", kOfF, nullptr},
    {"ItsFirstArgument", "f(", kOfF, 0},
    {"ItsSecond", "f(1, ", kOfF, 1},
    {"TheRest", "f(1, 2, 3, 4", kOfF, 2},
    {"OneByName", "f(1, key=", kOfF, 3},
    {"OneOfMore", "f(1, other=", kOfF, 4},
    {"CommasInside", "f((1, 2), [3, 4], {5: 6, 7: 8}, 'a, b', ", kOfF, 2},
    {"ANameInACall", "f(1, name", kOfF, 1},
    {"TheInnermostCall", "f(1, function(1, ", "function(one, two='2', /, *rest, **others)", 1},
    {"BehindAnInnerCall", "f(function(1, 2), ", kOfF, 1},
    {"AMethod", "thing.method(1, ", "method(first, second=2, *, third: int = 3) -> Thing", 1},
    {"AClassThatSaysNothing", "Thing(", nullptr, nullptr},
    {"NoCall", "name", nullptr, nullptr},
    {"Unknown", "nobody(", nullptr, nullptr},
    {"ABuiltin", "len(", "len(obj, /)", 0},
};

INSTANTIATE_TEST_SUITE_P(Calls, InspectSignatureTest, ::testing::ValuesIn(kCalls), CaseName{});

}  // namespace
}  // namespace replwire_tests
