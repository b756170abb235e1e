// `variables`: what the user has bound, a page at a time, without running any of the user's code.
#include <gtest/gtest.h>

#include "support/server_process.h"
#include "support/spy.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

Json variables(ServerProcess& server, Json extra = Json::object()) {
  extra.update({{"type", "variables"}, {"id", "ask"}});
  server.send(extra);
  return server.read_until("variables_reply").back();
}

Json names(const Json& reply) {
  Json names = Json::array();
  for (const Json& each : reply["variables"]) names.push_back(each["name"]);
  return names;
}

// Asked again where time was up before the page was full, as on a busy machine.
Json whole(ServerProcess& server, const Json& fields = Json::object()) {
  Json reply = variables(server, fields);
  const auto until = Clock::now() + kPatience;
  while (reply.contains("partial") && Clock::now() < until) reply = variables(server, fields);
  return reply;
}

Json variable(ServerProcess& server, const std::string& name) {
  const Json reply = variables(server, {{"prefix", name}});
  for (const Json& each : reply["variables"]) {
    if (each["name"] == name) return each;
  }
  return nullptr;
}

TEST(VariablesTest, ANewSessionHasNone) {
  ServerProcess server;
  const Json reply = variables(server);
  EXPECT_EQ(reply["id"], "ask");
  EXPECT_EQ(reply["total"], 0);
  EXPECT_EQ(reply["variables"], Json::array());
  EXPECT_FALSE(reply.contains("partial"));
}

TEST(VariablesTest, NamesOfTheUsersInTheirOrder) {
  ServerProcess server;
  ASSERT_TRUE(
      server.execute("import os\nb = 1\na = 2\n_private = 3\n__special__ = 4\n_ = __ = 5").ok());
  server.execute("a");
  EXPECT_EQ(names(variables(server)), Json({"_private", "a", "b", "os"}));
}

TEST(VariablesTest, WhatTheStartupFileBoundIsNotTheUsers) {
  const TempDir folder;
  const std::string file = folder.write("startup.py", "import os\nsetting = 1\nother = 2\n");
  ServerProcess server(options({"--startup", file}));
  ASSERT_TRUE(server.execute("mine = 1\nother = 3").ok());
  EXPECT_EQ(names(variables(server)), Json({"mine", "other"}));
}

TEST(VariablesTest, EachIsDescribed) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute("import sys, decimal\nnumbers = [1, 2]\nclass Thing: pass\n"
                           "thing = Thing()\ndef function(): pass\ntext = 'abc'\n"
                           "sizes = {n: sys.getsizeof(v) for n, v in list(globals().items())}")
                  .ok());
  const Json sizes = server.execute("sizes").value();
  EXPECT_EQ(variable(server, "numbers"), Json({{"name", "numbers"},
                                               {"type", "list"},
                                               {"repr", "[1, 2]"},
                                               {"length", 2},
                                               {"has_children", true},
                                               {"size", sizes["numbers"]}}));
  EXPECT_EQ(variable(server, "thing"), Json({{"name", "thing"},
                                             {"type", "Thing"},
                                             {"repr", "<__main__.Thing object>"},
                                             {"module", "__main__"},
                                             {"has_children", false},
                                             {"size", sizes["thing"]}}));
  EXPECT_EQ(variable(server, "Thing")["type"], "type");
  EXPECT_EQ(variable(server, "function")["module"], "__main__");
  EXPECT_EQ(variable(server, "decimal")["repr"], "<module 'decimal'>");
  EXPECT_EQ(variable(server, "text")["length"], 3);
  for (const char* name : {"Thing", "function", "decimal", "text"}) {
    EXPECT_EQ(variable(server, name)["size"], sizes[name]) << name;
  }
}

TEST(VariablesTest, LongOnesAreCut) {
  ServerProcess server;
  ASSERT_TRUE(
      server
          .execute("text = 'x' * 10_000_000\nnumbers = list(range(1_000_000))\n"
                   "big = 1 << 100_000_000\ndeep = []\nfor _ in range(100_000): deep = [deep]\n"
                   "itself = []\nitself.append(itself)\n"
                   "wide = [['x' * 1000] * 1000] * 1000")
          .ok());
  const Json reply = variables(server);
  EXPECT_EQ(reply["total"], 6);
  for (const Json& each : reply["variables"]) {
    EXPECT_LT(each["repr"].get<std::string>().size(), 300U) << each["name"];
  }
  EXPECT_EQ(variable(server, "itself")["repr"], "[…]");
  EXPECT_EQ(variable(server, "big")["repr"], "<int of 100000001 bits>");
  EXPECT_EQ(server.execute("deep = None").ok(), true);
}

TEST(VariablesTest, ByPrefixAndByPage) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("for n in range(10): globals()[f'name_{n}'] = n\nother = 1").ok());
  const Json reply = variables(server, {{"prefix", "name_"}, {"offset", 3}, {"limit", 2}});
  EXPECT_EQ(reply["total"], 10);
  EXPECT_EQ(names(reply), Json({"name_3", "name_4"}));
  EXPECT_EQ(names(variables(server, {{"offset", 1000}})), Json::array());
  EXPECT_EQ(variables(server, {{"limit", 0}})["total"], 12);
}

TEST(VariablesTest, TenThousandAreQuickToPage) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("for n in range(10_000): globals()[f'name_{n:05}'] = n").ok());
  const auto start = Clock::now();
  const Json reply = variables(server, {{"prefix", "name_"}, {"offset", 9990}});
  EXPECT_LT(Clock::now() - start, Millis(500));
  EXPECT_EQ(reply["total"], 10'000);
  EXPECT_EQ(names(whole(server, {{"prefix", "name_"}, {"offset", 9990}})).size(), 10U);
  EXPECT_EQ(names(whole(server)).size(), 100U) << "a page, unless told otherwise";
}

TEST(VariablesTest, WrongFieldsAreNamed) {
  ServerProcess server;
  server.send({{"type", "variables"}, {"id", 1}, {"offset", -1}});
  const Json error = server.read_until("protocol_error").back();
  EXPECT_EQ(error["code"], "invalid_field");
  EXPECT_NE(error["message"].get<std::string>().find("/offset"), std::string::npos);
}

TEST(VariablesTest, NoUserCodeRuns) {
  ServerProcess server;
  ASSERT_TRUE(server.execute(kSpies).ok());
  const Json reply = variables(server);
  EXPECT_GT(reply["total"], 15);
  EXPECT_EQ(server.execute("calls").value(), Json::array());
  EXPECT_EQ(variable(server, "spy")["repr"], "<__main__.Spy object>");
}

TEST(VariablesTest, AnswersWhileTheNamesChange) {
  ServerProcess server;
  const Json id = server.start(
      "table = {}\nprint('go')\nwhile True:\n"
      "    for n in range(1000): globals()[f'name_{n}'] = table[n] = n\n"
      "    for n in range(1000): del globals()[f'name_{n}'], table[n]");
  server.read_line();
  for (int n = 0; n < 50; ++n) {
    const Json reply = variables(server);
    EXPECT_GE(reply["total"], 2);
    for (const Json& each : reply["variables"]) EXPECT_NE(each["repr"], "…") << each;
  }
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
}

TEST(VariablesTest, AnswersWhileInputWaits) {
  ServerProcess server;
  const Json id = server.start("mine = 1\ninput()");
  const Json request = server.await_input();
  EXPECT_EQ(names(variables(server)), Json({"mine"}));
  server.answer(request["id"], "done");
  EXPECT_EQ(server.finish(id).value(), "done");
}

TEST(VariablesTest, AfterAResetThereAreNone) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("x = 1").ok());
  EXPECT_EQ(variables(server)["total"], 1);
  server.send({{"type", "reset"}, {"id", 1}});
  server.read_until("reset_reply");
  EXPECT_EQ(variables(server)["total"], 0);
}

TEST(VariablesTest, ArraysByShapeAndDtype) {
  ServerProcess server;
  if (!server.execute("import numpy\na = numpy.zeros((3, 4))\nb = numpy.float32(1.5)").ok()) {
    GTEST_SKIP() << "needs python3-numpy";
  }
  const Json array = variable(server, "a");
  EXPECT_EQ(array["shape"], Json({3, 4}));
  EXPECT_EQ(array["dtype"], "float64");
  EXPECT_EQ(array["length"], 3);
  EXPECT_EQ(array["repr"], "<numpy.ndarray (3, 4) float64>");
  EXPECT_EQ(variable(server, "b")["repr"], "numpy.float32(1.5)");
}

TEST(VariablesTest, TablesByShape) {
  ServerProcess server;
  if (!server
           .execute("import pandas\ntable = pandas.DataFrame({'a': [1, 2], 'b': ['x', 'y']})\n"
                    "column = table['a']")
           .ok()) {
    GTEST_SKIP() << "needs python3-pandas";
  }
  EXPECT_EQ(variable(server, "table")["shape"], Json({2, 2}));
  EXPECT_EQ(variable(server, "table")["type"], "DataFrame");
  EXPECT_EQ(variable(server, "column")["shape"], Json({2}));
  EXPECT_EQ(variable(server, "column")["dtype"], "int64");
}

// ---- path ------------------------------------------------------------------------------------

Json refusal(ServerProcess& server, const Json& path) {
  server.send({{"type", "variables"}, {"id", "ask"}, {"path", path}});
  return server.read_until("protocol_error").back();
}

TEST(VariablesPathTest, LeadsThroughContainers) {
  ServerProcess server;
  ASSERT_TRUE(
      server
          .execute("data = {'rows': [(1, {'deep': 'x'}), set()], 2: 'two', (3, 4): 'pair', '2': "
                   "'text'}\nempty = []")
          .ok());
  EXPECT_EQ(variable(server, "data")["has_children"], true);
  EXPECT_EQ(variable(server, "empty")["has_children"], false);
  const Json data = variables(server, {{"path", {"data"}}});
  EXPECT_EQ(names(data), Json({"rows", "2", "(3, 4)", "2"}));
  EXPECT_EQ(data["total"], 4);
  EXPECT_EQ(data["variables"][0]["has_children"], true);
  EXPECT_EQ(data["variables"][1]["has_children"], false);
  const Json row = variables(server, {{"path", {"data", "rows", 0}}});
  EXPECT_EQ(names(row), Json({"0", "1"}));
  EXPECT_EQ(row["variables"][1]["repr"], "{'deep': 'x'}");
  EXPECT_EQ(names(variables(server, {{"path", {"data", "rows", "0", "1"}}})), Json({"deep"}))
      << "an index as its name";
  EXPECT_EQ(names(variables(server, {{"path", {"data", "rows", -2}}})), Json({"0", "1"}));
  EXPECT_EQ(variables(server, {{"path", {"data", "rows", 1}}})["total"], 0);
}

TEST(VariablesPathTest, LeadsThroughWhatIsStoredInObjects) {
  ServerProcess server;
  ASSERT_TRUE(
      server
          .execute("class Base:\n    __slots__ = ('slot', 'unset')\nclass Thing(Base):\n"
                   "    shared = 1\n    def method(self): pass\n"
                   "thing = Thing()\nthing.slot = [1]\nthing.own = 2\nthing.__special__ = 3\n"
                   "import colorsys")
          .ok());
  EXPECT_EQ(names(variables(server, {{"path", {"thing"}}})), Json({"own", "slot"}));
  EXPECT_EQ(names(variables(server, {{"path", {"thing", "slot"}}})), Json({"0"}));
  const Json of_class = names(variables(server, {{"path", {"Thing"}}}));
  EXPECT_EQ(of_class, Json({"shared", "method"}));
  const Json of_module = variables(server, {{"path", {"colorsys"}}, {"prefix", "hls"}});
  EXPECT_EQ(names(of_module), Json({"hls_to_rgb"}));
  EXPECT_EQ(of_module["total"], 1);
}

TEST(VariablesPathTest, HasPages) {
  ServerProcess server;
  ASSERT_TRUE(
      server.execute("many = list(range(1000))\nby = {f'k{n}': n for n in range(1000)}").ok());
  const Json page = variables(server, {{"path", {"many"}}, {"offset", 500}, {"limit", 2}});
  EXPECT_EQ(page["total"], 1000);
  EXPECT_EQ(names(page), Json({"500", "501"}));
  EXPECT_EQ(names(variables(server, {{"path", {"by"}}, {"offset", 998}})), Json({"k998", "k999"}));
  EXPECT_EQ(variables(server, {{"path", {"by"}}, {"prefix", "k99"}})["total"], 11);
}

TEST(VariablesPathTest, ThatLeadsToNothingIsRefused) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("x = {'a': [1]}").ok());
  const auto message = [&server](const Json& path) {
    const Json error = refusal(server, path);
    EXPECT_EQ(error["code"], "invalid_field") << error;
    return error["message"].get<std::string>();
  };
  EXPECT_EQ(message({"y"}), "variables: /path/0: there is no such value");
  EXPECT_EQ(message({"x", "b"}), "variables: /path/1: there is no such value");
  EXPECT_EQ(message({"x", "a", 1}), "variables: /path/2: there is no such value");
  EXPECT_EQ(message({"x", "a", 0, "more"}), "variables: /path/3: there is no such value");
  EXPECT_EQ(message({"x", 1.5}), "variables: /path/1: must be a string or an integer within ±2^53");
  EXPECT_EQ(message("x"), "variables: /path: must be a list");
  EXPECT_EQ(variables(server, {{"path", Json::array()}})["total"], 1) << "the session itself";
}

TEST(VariablesPathTest, RunsNoCode) {
  ServerProcess server;
  ASSERT_TRUE(
      server
          .execute("import os\nclass Key(str):\n    def __eq__(self, other): os._exit(3)\n"
                   "    __hash__ = str.__hash__\n"
                   "class Trap(dict):\n    def __getitem__(self, key): os._exit(3)\n"
                   "    __iter__ = __len__ = items = __getitem__\n"
                   "class Proxy:\n    def __getattr__(self, name): os._exit(3)\n"
                   "    __getattribute__ = __dir__ = __getattr__\n"
                   "    weight = property(lambda self: os._exit(3))\n"
                   "trap = Trap(a=1)\nproxy = Proxy()\nobject.__setattr__(proxy, 'own', 1)\n"
                   "keyed = {Key('a'): 1, 'b': 2}\n"
                   "class Items(list):\n    def __getitem__(self, key): os._exit(3)\n"
                   "    __iter__ = __len__ = __getitem__\n"
                   "items = Items([1])")
          .ok());
  variables(server);
  EXPECT_EQ(names(variables(server, {{"path", {"trap"}}})), Json({"a"}));
  EXPECT_EQ(names(variables(server, {{"path", {"proxy"}}})), Json({"own"}));
  EXPECT_EQ(names(variables(server, {{"path", {"items"}}})), Json({"0"}));
  EXPECT_EQ(variables(server, {{"path", {"keyed"}}})["total"], 2);
  EXPECT_EQ(variables(server, {{"path", {"keyed", "b"}}})["total"], 0);
  EXPECT_EQ(refusal(server, {"keyed", "a"})["code"], "invalid_field");
  EXPECT_EQ(server.execute("1").value(), 1);
}

}  // namespace
}  // namespace replwire_tests
