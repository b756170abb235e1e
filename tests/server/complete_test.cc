// `complete`: what could stand at the cursor, told without running any of the user's code.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/case.h"
#include "support/server_process.h"
#include "support/spy.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

Json complete(ServerProcess& server, const std::string& code, Json cursor = nullptr) {
  server.send({{"type", "complete"}, {"id", "ask"}, {"code", code}, {"cursor_pos", cursor}});
  return server.read_until("complete_reply").back();
}

bool has(const Json& reply, const std::string& match) {
  const Json& matches = reply["matches"];
  return std::find(matches.begin(), matches.end(), match) != matches.end();
}

Json entry(const Json& reply, const std::string& match) {
  for (const Json& each : reply["metadata"]["_jupyter_types_experimental"]) {
    if (each["text"] == match) return each;
  }
  return nullptr;
}

constexpr const char* kThings = R"(
import os, collections
class Thing:
    """A thing."""
    __slots__ = ('slot', '__dict__')
    kind = 'thing'
    def method(self, first, second=2, *, third: int = 3) -> 'Thing': pass
    @classmethod
    def make(cls, size): pass
    @property
    def weight(self) -> str: return 'heavy'
thing = Thing()
thing.slot = thing.inner = thing
table = {'alpha': thing, "it's": 1, 7: 'seven'}
things = [thing, table]
def function(one, two=2, /, three=3, *rest, four=4, **others): pass
_private = public = 1
)";

struct Wanted : Case {
  const char* code;
  const char* match;
  int start;
};

class CompleteTest : public ::testing::TestWithParam<Wanted> {};

TEST_P(CompleteTest, IsFound) {
  ServerProcess server;
  ASSERT_TRUE(server.execute(kThings).ok());
  const Json reply = complete(server, GetParam().code);
  EXPECT_TRUE(has(reply, GetParam().match)) << reply;
  EXPECT_EQ(reply["status"], "ok");
  EXPECT_EQ(reply["cursor_start"], GetParam().start);
  EXPECT_EQ(reply["cursor_end"], std::string(GetParam().code).size());
  EXPECT_FALSE(entry(reply, GetParam().match).is_null()) << reply;
  EXPECT_FALSE(reply.contains("partial"));
}

const Wanted kWanted[] = {
    {"Name", "th", "thing", 0},
    {"NameInACall", "print(1, th", "thing", 9},
    {"Builtin", "x = prin", "print", 4},
    {"Keyword", "whi", "while", 0},
    {"Attribute", "thing.in", "inner", 6},
    {"AttributeOfAnAttribute", "thing.inner.slot.me", "method", 17},
    {"AttributeWithSpaces", "thing . in", "inner", 8},
    {"AttributeOfAClass", "Thing.ki", "kind", 6},
    {"AttributeOfAnInstanceToBe", "Thing().me", "method", 8},
    {"AttributeOfAnItem", "things[0].in", "inner", 10},
    {"AttributeOfAValue", "table['alpha'].in", "inner", 15},
    {"AttributeOfALiteral", "'abc'.upp", "upper", 6},
    {"AttributeOfAModule", "os.path.joi", "join", 8},
    {"AttributeBehindTheAnnotationOfAProperty", "thing.weight.upp", "upper", 13},
    {"Slot", "thing.sl", "slot", 6},
    {"Key", "table[\"al", "alpha", 7},
    {"KeyWithAQuote", "table['it", "it\\'s", 7},
    {"KeyOfAnItem", "things[1]['al", "alpha", 11},
    {"KeyWithoutQuotes", "table[", "7", 6},
    {"EnvironmentVariable", "os.environ['PA", "PATH", 12},
    {"KeywordArgument", "function(1, fo", "four=", 12},
    {"KeywordArgumentOfAMethod", "thing.method(", "first=", 13},
    {"KeywordArgumentOfAClassMethod", "Thing.make(si", "size=", 11},
    {"KeywordArgumentOfABuiltin", "sorted([], re", "reverse=", 11},
    {"KeywordArgumentOnAnotherLine", "function(1,\n    fo", "four=", 16},
    {"Module", "import colle", "collections", 7},
    {"ModuleBehindAnother", "import os, colle", "collections", 11},
    {"ModuleThatIsNotLoaded", "import wav", "wave", 7},
    {"Submodule", "import collections.ab", "abc", 19},
    {"SubmoduleOfWhatIsNotLoaded", "import wsgiref.hea", "headers", 15},
    {"FromModule", "from colle", "collections", 5},
    {"FromImport", "from os import pa", "path", 15},
    {"FromImportBehindAnother", "from os import (path, sep, lin", "linesep", 27},
    {"FromWhatIsNotLoaded", "from wave import Wave_r", "Wave_read", 17},
    {"ImportItself", "from os ", "import", 8},
    {"Path", "open('/usr/bi", "/usr/bin/", 6},
    {"PathInAnyString", "x = \"/usr/lo", "/usr/local/", 5},
    {"NameInAnFString", "f'{thi", "thing", 3},
    {"AttributeInAnFString", "f'{public} {thing.in", "inner", 18},
};

INSTANTIATE_TEST_SUITE_P(Codes, CompleteTest, ::testing::ValuesIn(kWanted), CaseName{});

struct Unwanted : Case {
  const char* code;
  const char* match;
};

class NotCompletedTest : public ::testing::TestWithParam<Unwanted> {};

TEST_P(NotCompletedTest, IsNotFound) {
  ServerProcess server;
  ASSERT_TRUE(server.execute(kThings).ok());
  const Json reply = complete(server, GetParam().code);
  EXPECT_FALSE(has(reply, GetParam().match)) << reply;
}

const Unwanted kUnwanted[] = {
    {"Comment", "# th", "thing"},
    {"Docstring", "\"\"\"/usr/bi", "/usr/bin/"},
    {"Number", "1.", "real"},
    {"WhatACallReturns", "unknown().", "thing"},
    {"PositionalOnly", "function(", "one="},
    {"ArgumentGivenAlready", "function(four=1, f", "four="},
    {"Self", "thing.method(", "self="},
    {"ParametersOfADefinition", "def function(", "four="},
    {"NewNameOfAnImport", "import os as o", "os"},
};

INSTANTIATE_TEST_SUITE_P(Codes, NotCompletedTest, ::testing::ValuesIn(kUnwanted), CaseName{});

TEST(CompleteTest, CursorCountsCodePoints) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("größe = 1\nthing = 2").ok());
  const Json reply = complete(server, "'\U0001F600'; grö; thing", 8);
  EXPECT_EQ(reply["matches"], Json::array({"größe"}));
  EXPECT_EQ(reply["cursor_start"], 5);
  EXPECT_EQ(reply["cursor_end"], 8);
}

TEST(CompleteTest, ACursorBeyondTheCodeMeansItsEnd) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("thing = 1").ok());
  const Json reply = complete(server, "thi", 1000);
  EXPECT_TRUE(has(reply, "thing"));
  EXPECT_EQ(reply["cursor_end"], 3);
}

TEST(CompleteTest, WrongFieldsAreNamed) {
  ServerProcess server;
  server.send({{"type", "complete"}, {"id", 1}, {"code", "x"}, {"cursor_pos", -1}});
  const Json error = server.read_until("protocol_error").back();
  EXPECT_EQ(error["code"], "invalid_field");
  EXPECT_EQ(error["id"], 1);
  EXPECT_NE(error["message"].get<std::string>().find("/cursor_pos"), std::string::npos);
}

TEST(CompleteTest, PublicNamesComeFirstSpecialOnesLast) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("class C: _b = a = c = 1").ok());
  const Json matches = complete(server, "C.")["matches"];
  EXPECT_EQ(matches[0], "a");
  EXPECT_EQ(matches[1], "c");
  EXPECT_EQ(matches[2], "_b");
  EXPECT_TRUE(matches[3].get<std::string>().starts_with("__"));
}

TEST(CompleteTest, MetadataTellsKindAndSignature) {
  ServerProcess server;
  ASSERT_TRUE(server.execute(kThings).ok());
  const Json function = entry(complete(server, "funct"), "function");
  EXPECT_EQ(function, Json({{"start", 0},
                            {"end", 5},
                            {"text", "function"},
                            {"type", "function"},
                            {"signature", "(one, two=2, /, three=3, *rest, four=4, **others)"}}));
  EXPECT_EQ(entry(complete(server, "thing.me"), "method")["signature"],
            "(first, second=2, *, third: int = 3) -> Thing");
  EXPECT_EQ(entry(complete(server, "Thi"), "Thing")["type"], "class");
  EXPECT_EQ(entry(complete(server, "o"), "os")["type"], "module");
  const Json instance = entry(complete(server, "tab"), "table");
  EXPECT_EQ(instance["type"], "instance");
  EXPECT_EQ(instance["signature"], ": dict");
}

TEST(CompleteTest, PathsAreThoseOfTheWorkingDirectory) {
  const TempDir folder;
  folder.write("data.csv", "1");
  ServerProcess server(options({"--cwd", folder.path()}));
  EXPECT_TRUE(has(complete(server, "open('da"), "data.csv"));
}

TEST(CompleteTest, NoUserCodeRuns) {
  ServerProcess server;
  ASSERT_TRUE(server.execute(kSpies).ok());
  for (const char* code : {"",
                           "sp",
                           "spy.",
                           "spy.me",
                           "Spy.",
                           "Spy().",
                           "spy[",
                           "spy['",
                           "spy(",
                           "Spy(",
                           "spy.method(",
                           "spy.prop.",
                           "spy.descriptor.",
                           "spy_dict['",
                           "spy_dict.",
                           "spy_list[0].",
                           "spy_str.",
                           "holder['",
                           "holder['spy'].",
                           "holder[1].",
                           "holder['more'][0].",
                           "spied(",
                           "partial(",
                           "plain.spy.",
                           "plain.inner.",
                           "module.",
                           "module.spy.",
                           "from spied_module import ",
                           "f'{spy.",
                           "Meta.",
                           "SpyDict(",
                           "spy.shape.",
                           "spied.__wrapped__."}) {
    complete(server, code);
  }
  EXPECT_EQ(server.execute("calls").value(), Json::array());
}

// What runs or waits while the client asks.
struct Busy : Case {
  const char* code;  // prints once, then goes on for ever
};

class CompleteWhileTest : public ::testing::TestWithParam<Busy> {};

TEST_P(CompleteWhileTest, AnswersAndTheExecutionNoticesNothing) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("thing = 1\nimport time").ok());
  const Json id = server.start(GetParam().code);
  server.read_line();
  for (int n = 0; n < 5; ++n) EXPECT_TRUE(has(complete(server, "thi"), "thing"));
  EXPECT_EQ(server.status()["execution_id"], id);
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
}

const Busy kBusy[] = {
    {"Loop", "print('go')\nwhile True: pass"},
    {"Sleep", "print('go')\ntime.sleep(600)"},
    {"Input", "print('go')\ninput()"},
    {"Lock", "import threading\nl = threading.Lock()\nl.acquire()\nprint('go')\nl.acquire()"},
};

INSTANTIATE_TEST_SUITE_P(Codes, CompleteWhileTest, ::testing::ValuesIn(kBusy), CaseName{});

TEST(CompleteTest, WhilePdbWaitsNamesAreThoseOfItsFrame) {
  ServerProcess server;
  const Json id = server.start(
      "import pdb\noutside = 1\ndef f(inner, text):\n    pdb.set_trace()\n    text += text\n"
      "    return inner\nf(1, 'a')");
  const std::string first = server.read_until("input").back()["id"];
  EXPECT_TRUE(has(complete(server, "inn"), "inner"));
  EXPECT_TRUE(has(complete(server, "outs"), "outside"));
  EXPECT_TRUE(has(complete(server, "text.upp"), "upper"));
  server.send({{"type", "input_response"}, {"input_id", first}, {"data", "!inner = 'changed'"}});
  server.read_until("input");
  EXPECT_TRUE(has(complete(server, "inner.upp"), "upper"));
  server.send({{"type", "input_response"}, {"data", "continue"}});
  EXPECT_EQ(server.finish(id).value(), "changed");
  EXPECT_FALSE(has(complete(server, "inn"), "inner"));
}

TEST(CompleteTest, AnInterruptHitsTheExecutionAndNeverTheAnswer) {
  ServerProcess server;
  for (int round = 0; round < 20; ++round) {
    const Json id = server.start("thing = 1\nprint('go')\nwhile True: pass");
    server.read_line();
    server.send({{"type", "complete"}, {"id", "ask"}, {"code", "thi"}});
    server.send({{"type", "interrupt"}, {"execution_id", id}});
    std::vector<Json> frames = server.read_until(is_terminal);
    const auto answered = [](const Json& frame) { return frame["type"] == "complete_reply"; };
    if (std::ranges::none_of(frames, answered)) {
      frames.push_back(server.read_until("complete_reply").back());
    }
    for (const Json& frame : frames) {
      if (frame["type"] == "complete_reply") {
        EXPECT_TRUE(has(frame, "thing")) << frame;
      } else if (is_terminal(frame)) {
        EXPECT_EQ(frame["reason"], "interrupt");
      }
    }
  }
}

TEST(CompleteTest, TenThousandNamesTakeLessThanATenthOfASecond) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("for n in range(10_000): globals()[f'name_{n}'] = n").ok());
  complete(server, "x");
  const auto start = Clock::now();
  const Json reply = complete(server, "name_");
  const auto time = Clock::now() - start;
  EXPECT_GE(reply["matches"].size(), 100U);
  EXPECT_EQ(reply.value("partial", false), true) << "there are more than a reply holds";
  EXPECT_LT(time, Millis(200)) << "promised are 100 ms; the machine may be busy";
  EXPECT_EQ(complete(server, "name_123")["matches"].size(), 11U);
}

TEST(CompleteTest, WithJediWhatHasNotRunIsFoundAsWell) {
  ServerProcess server(options({"--complete", "jedi"}));
  if (!server.execute("import importlib.util\nimportlib.util.find_spec('jedi').name").ok()) {
    GTEST_SKIP() << "needs python3-jedi";
  }
  const std::string code = "class Planned:\n    size = 1\nplan = Planned()\nplan.si";
  Json reply = complete(server, code);
  const auto deadline = Clock::now() + kPatience;
  while (reply.contains("partial") && Clock::now() < deadline) reply = complete(server, code);
  EXPECT_TRUE(has(reply, "size")) << reply;
  EXPECT_EQ(reply["cursor_start"], 50);
  EXPECT_EQ(server.execute("import sys\n'jedi' in sys.modules").value(), false);
}

TEST(CompleteTest, WithoutJediASentenceSaysSo) {
  const TempDir folder;
  folder.write("sitecustomize.py",
               "import sys\nclass Hide:\n    def find_spec(self, name, *rest):\n"
               "        if name == 'jedi': raise ModuleNotFoundError(name)\n"
               "sys.meta_path.insert(0, Hide())\n");
  ServerProcess server({.args = {"--complete", "jedi"}, .env = {{"PYTHONPATH", folder.path()}}});
  EXPECT_NE(server.stderr_text().find("has no module jedi"), std::string::npos);
  EXPECT_TRUE(has(complete(server, "prin"), "print"));
}

TEST(CompleteTest, ColumnsOfADataFrame) {
  ServerProcess server;
  if (!server.execute("import pandas\ntable = pandas.DataFrame({'height': [1], 'weight': [2]})")
           .ok()) {
    GTEST_SKIP() << "needs python3-pandas";
  }
  EXPECT_EQ(complete(server, "table['")["matches"], Json::array({"height", "weight"}));
  EXPECT_TRUE(has(complete(server, "table.hei"), "height"));
}

TEST(CompleteTest, FieldsOfAStructuredArray) {
  ServerProcess server;
  if (!server.execute("import numpy\na = numpy.zeros(3, dtype=[('x', 'f8'), ('y', 'i4')])").ok()) {
    GTEST_SKIP() << "needs python3-numpy";
  }
  EXPECT_EQ(complete(server, "a['")["matches"], Json::array({"x", "y"}));
  EXPECT_TRUE(has(complete(server, "numpy.lina"), "linalg"));
}

}  // namespace
}  // namespace replwire_tests
