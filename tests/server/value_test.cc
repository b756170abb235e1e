// `repr` and `value` of a result: what is there, what is cut, what is left out.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

struct Plain : Case {
  const char* code;
  Json value;
};

class PlainValueTest : public ::testing::TestWithParam<Plain> {};

TEST_P(PlainValueTest, TravelsAsJson) {
  ServerProcess server;
  const Execution execution = server.execute(GetParam().code);
  ASSERT_TRUE(execution.terminal.contains("value")) << execution;
  EXPECT_EQ(execution.value(), GetParam().value);
  EXPECT_EQ(execution.value().type_name(), std::string(GetParam().value.type_name()));
}

const Plain kPlain[] = {
    {"True", "True", true},
    {"False", "False", false},
    {"Zero", "0", 0},
    {"Negative", "-7", -7},
    {"LargestInt", "2**53", 9007199254740992},
    {"SmallestInt", "-2**53", -9007199254740992},
    {"Float", "1.5", 1.5},
    {"LargeFloat", "1e300", 1e300},
    {"SmallFloat", "5e-324", 5e-324},
    {"PreciseFloat", "0.1 + 0.2", 0.1 + 0.2},
    {"Text", "'text'", "text"},
    {"EmptyText", "''", ""},
    {"Unicode", "'\\u00fc\\U0001f600\\u2028\\0\\x1f'",
     std::string("\u00fc\U0001f600\u2028\0\x1f", 11)},
    {"List", "[1, 'a', None]", Json::array({1, "a", nullptr})},
    {"EmptyList", "[]", Json::array()},
    {"Tuple", "(1, 2)", Json::array({1, 2})},
    {"Dict", "{'a': 1, 'b': [True]}", Json{{"a", 1}, {"b", Json::array({true})}}},
    {"EmptyDict", "{}", Json::object()},
};

INSTANTIATE_TEST_SUITE_P(Values, PlainValueTest, ::testing::ValuesIn(kPlain), CaseName{});

TEST(ValueTest, AWholeFloatStaysAFloat) {
  ServerProcess server;
  EXPECT_TRUE(server.execute("2.0").value().is_number_float());
  EXPECT_TRUE(server.execute("2").value().is_number_integer());
}

class NotPlainTest : public ::testing::TestWithParam<Plain> {};

TEST_P(NotPlainTest, HasAReprAndNoValue) {
  ServerProcess server;
  const Execution execution = server.execute(GetParam().code);
  ASSERT_TRUE(execution.ok()) << execution;
  EXPECT_TRUE(execution.repr().is_string());
  EXPECT_FALSE(execution.terminal.contains("value")) << execution;
}

const Plain kNotPlain[] = {
    {"IntBeyondDoubles", "2**53 + 1", {}},
    {"NegativeIntBeyondDoubles", "-2**53 - 1", {}},
    {"HugeInt", "10**1000", {}},
    {"NaN", "float('nan')", {}},
    {"Infinity", "float('inf')", {}},
    {"NegativeInfinity", "[-float('inf')]", {}},
    {"Complex", "1j", {}},
    {"Bytes", "b'x'", {}},
    {"Set", "{1}", {}},
    {"DictWithIntKeys", "{1: 'a'}", {}},
    {"DictWithNoneKey", "{None: 'a'}", {}},
    {"DictWithSubclassedKey", "class S(str): pass\n{S('a'): 1}", {}},
    {"SubclassOfInt", "class I(int): pass\nI(3)", {}},
    {"SubclassOfStr", "class S(str): pass\nS('a')", {}},
    {"SubclassOfDict", "import collections\ncollections.OrderedDict(a=1)", {}},
    {"SubclassOfList", "class L(list): pass\nL([1])", {}},
    {"NamedTuple", "import collections\ncollections.namedtuple('P', 'x')(1)", {}},
    {"IntEnum", "import enum\nenum.IntEnum('E', 'A').A", {}},
    {"SubclassInside", "class I(int): pass\n[[I(3)]]", {}},
    {"Object", "object()", {}},
    {"Function", "len", {}},
    {"Itself", "x = []\nx.append(x)\nx", {}},
    {"DictOfItself", "x = {}\nx['x'] = x\nx", {}},
    {"TooDeep", "x = []\nfor _ in range(40): x = [x]\nx", {}},
    {"TooLarge", "'x' * 70_000", {}},
    {"TooLargeTogether", "['x' * 100] * 1000", {}},
};

INSTANTIATE_TEST_SUITE_P(Values, NotPlainTest, ::testing::ValuesIn(kNotPlain), CaseName{});

TEST(ValueTest, ThirtyTwoDeepIsPlain) {
  ServerProcess server;
  EXPECT_TRUE(server.execute("x = []\nfor _ in range(31): x = [x]\nx").terminal.contains("value"));
}

TEST(ValueTest, SixtyThousandCharactersArePlain) {
  ServerProcess server;
  EXPECT_EQ(server.execute("'x' * 60_000").value(), std::string(60'000, 'x'));
}

TEST(ValueTest, HostileSubclassIsNotAsked) {
  ServerProcess server;
  const Execution execution = server.execute(R"(
asked = []
class D(dict):
    def items(self): asked.append('items'); return super().items()
    def keys(self): asked.append('keys'); return super().keys()
    def __iter__(self): asked.append('iter'); return super().__iter__()
    def __repr__(self): return 'D'
D(a=1)
)");
  EXPECT_EQ(execution.repr(), "D");
  EXPECT_EQ(server.execute("asked").value(), Json::array());
}

TEST(ReprTest, IsCutAtTheLimitAndItsWholeLengthSaid) {
  ServerProcess server;
  const Execution execution = server.execute("'x' * 1000", {{"repr_limit", 100}});
  EXPECT_LE(execution.repr().get<std::string>().size(), 100u);
  EXPECT_EQ(execution.repr().get<std::string>().substr(0, 20), "'" + std::string(19, 'x'));
  EXPECT_EQ(execution.terminal["repr_truncated"], 1002);
}

TEST(ReprTest, IsWholeBelowTheLimit) {
  ServerProcess server;
  const Execution execution = server.execute("'x' * 98", {{"repr_limit", 100}});
  EXPECT_EQ(execution.repr(), "'" + std::string(98, 'x') + "'");
  EXPECT_FALSE(execution.terminal.contains("repr_truncated"));
}

TEST(ReprTest, IsNeverCutWithinACharacter) {
  ServerProcess server;
  for (int limit = 10; limit < 14; ++limit) {
    // The client checks every frame for valid UTF-8.
    const Execution execution = server.execute("'\U0001f600' * 100", {{"repr_limit", limit}});
    EXPECT_LE(execution.repr().get<std::string>().size(), static_cast<std::size_t>(limit));
    EXPECT_EQ(execution.terminal["repr_truncated"], 102);
  }
}

TEST(ReprTest, IsCutAt64KiBUnlessTold) {
  ServerProcess server;
  const Execution execution = server.execute("'x' * 1_000_000");
  EXPECT_LE(execution.repr().get<std::string>().size(), 64u * 1024);
  EXPECT_GT(execution.repr().get<std::string>().size(), 60'000u);
  EXPECT_EQ(execution.terminal["repr_truncated"], 1'000'002);
}

TEST(ReprTest, LoneSurrogatesTravelAsBackslashes) {
  ServerProcess server;
  EXPECT_EQ(server.execute("class C:\n    def __repr__(self): return 'a\\udc80'\nC()").repr(),
            "a\\udc80");
}

TEST(ReprTest, ReprThatRaisesIsReportedAndHurtsNothing) {
  ServerProcess server;
  const Execution execution =
      server.execute("class C:\n    def __repr__(self): raise ValueError('no repr today')\nC()");
  std::string said = execution.err;
  for (const Json& frame : execution.frames) said += frame.dump();
  EXPECT_NE(said.find("no repr today"), std::string::npos) << execution;
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(ReprTest, ReprThatIsNoTextIsReportedAndHurtsNothing) {
  ServerProcess server;
  const Execution execution = server.execute("class C:\n    def __repr__(self): return 5\nC()");
  std::string said = execution.err;
  for (const Json& frame : execution.frames) said += frame.dump();
  EXPECT_NE(said.find("TypeError"), std::string::npos) << execution;
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(ReprTest, ReprMayPrintAndAsk) {
  ServerProcess server;
  const Json id = server.start(
      "class C:\n    def __repr__(self):\n        print('said')\n        return input('repr?')\n"
      "C()");
  server.answer(server.await_input()["id"], "asked");
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.repr(), "asked");
  EXPECT_EQ(execution.out, "said\n");
}

}  // namespace
}  // namespace replwire_tests
