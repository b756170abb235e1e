// Calls of the client's functions: their definition, arguments, answers, and from where they work.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "support/case.h"
#include "support/host.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

using namespace std::string_literals;

class HostCallTest : public ::testing::Test {
 protected:
  HostCallTest() {
    define(server_, {function("f"), function("g"), function("af", {{"is_async", true}})});
    server_.execute("import host");
  }
  // Importing asyncio takes its time.
  void start_loop() { server_.execute("import asyncio\nawait asyncio.sleep(0)"); }

  ServerProcess server_;
};

// ---- what is defined ------------------------------------------------------------------------

TEST(HostModuleTest, IsThereBeforeAnyFunction) {
  ServerProcess server;
  EXPECT_EQ(server.execute("import host; dir(host)").value(), Json({"CallError"}));
  EXPECT_EQ(server.execute("issubclass(host.CallError, RuntimeError)").value(), true);
  EXPECT_EQ(server.execute("hasattr(host, '__file__')").value(), false);
  EXPECT_EQ(server.execute("import importlib; importlib.reload(host) is host").value(), true);
}

TEST(HostModuleTest, StartupCodeMayImportIt) {
  TempDir directory;
  ServerProcess server(options({"--startup", directory.write("s.py", "import host\n")}));
  define(server, {function("f")});
  EXPECT_EQ(echo(server, "host.f(1)").value(), Json::parse("[[1], {}]"));
}

TEST(HostModuleTest, StartupCodeCannotCall) {
  TempDir directory;
  ServerProcess server(options({"--startup", directory.write("s.py",
                                                             "import host\n"
                                                             "try:\n    host.f()\n"
                                                             "except AttributeError:\n"
                                                             "    seen = dir(host)\n")}));
  EXPECT_EQ(server.execute("seen").value(), Json({"CallError"}));
}

TEST_F(HostCallTest, ReplyNamesAllThatAreDefined) {
  const Json reply = define(server_, {function("b"), function("a")}, {{"remove", {"g", "none"}}});
  EXPECT_EQ(reply["type"], "functions_reply");
  EXPECT_EQ(reply["names"], Json({"a", "af", "b", "f"}));
  EXPECT_EQ(server_.execute("dir(host)").value(), Json({"CallError", "a", "af", "b", "f"}));
}

TEST_F(HostCallTest, DefinitionTakesItsTurn) {
  const Json first = server_.start("hasattr(host, 'later')");
  server_.send({{"type", "functions"}, {"id", "d"}, {"functions", {function("later")}}});
  const Json second = server_.start("hasattr(host, 'later')");
  EXPECT_EQ(server_.finish(first).value(), false);
  EXPECT_EQ(server_.finish(second).value(), true);
}

TEST_F(HostCallTest, OldObjectCallsTheNewDefinition) {
  define(server_, {function("f", {{"parameters", Json::array()}})});
  server_.execute("old = host.f");
  EXPECT_EQ(server_.execute("old(1)").exception(), "TypeError");
  define(server_, {function("f", {{"parameters", {{{"name", "x"}}}}})});
  EXPECT_EQ(echo(server_, "old(1)").value(), Json::parse("[[1], {}]"));
}

TEST_F(HostCallTest, RemovedFunctionSendsNothing) {
  server_.execute("old = host.f");
  define(server_, Json::array(), {{"remove", {"f"}}});
  EXPECT_EQ(server_.execute("host.f()").exception(), "AttributeError");
  const Execution called = server_.execute("old()");
  EXPECT_EQ(called.exception(), "RuntimeError");
  EXPECT_EQ(types_of(called.frames), (std::vector<std::string>{"error"}));
  define(server_, {function("f")});
  EXPECT_TRUE(echo(server_, "old()").ok());
}

TEST_F(HostCallTest, SurvivesAReset) {
  request(server_, {{"type", "reset"}});
  EXPECT_EQ(echo(server_, "from host import f; f('x')").value(), Json::parse(R"([["x"], {}])"));
}

struct BadName : Case {
  const char* functions;
  const char* message;
};
class HostNameTest : public ::testing::TestWithParam<BadName> {};

TEST_P(HostNameTest, IsRefusedAndNothingIsDefined) {
  ServerProcess server;
  Json frame = {{"type", "functions"}, {"id", "d"}};
  frame["functions"] = Json::parse(GetParam().functions);
  frame["functions"].insert(frame["functions"].begin(), function("good"));
  server.send(frame);
  const Json refused = server.read_until("protocol_error").back();
  EXPECT_EQ(refused["id"], "d");
  EXPECT_EQ(refused["message"], GetParam().message);
  EXPECT_EQ(define(server, Json::array())["names"], Json::array());
  EXPECT_EQ(server.execute("import host; dir(host)").value(), Json({"CallError"}));
}

const BadName kBadNames[] = {
    {"NoIdentifier", R"([{"name": "a b"}])",
     "functions: /functions/1/name: must be an identifier, not 'a b'"},
    {"Empty", R"([{"name": ""}])", "functions: /functions/1/name: must be an identifier, not ''"},
    {"Keyword", R"([{"name": "class"}])", "functions: /functions/1/name: 'class' is a keyword"},
    {"None", R"([{"name": "None"}])", "functions: /functions/1/name: 'None' is a keyword"},
    {"OfTheModule", R"([{"name": "CallError"}])",
     "functions: /functions/1/name: 'CallError' is the module's own"},
    {"Dunder", R"([{"name": "__dir__"}])",
     "functions: /functions/1/name: '__dir__' is the module's own"},
    {"NoName", R"([{"doc": "x"}])", "functions: /functions/1/name: is missing"},
    {"NoObject", R"(["f"])", "functions: /functions/1: must be an object"},
    {"ParameterTwice", R"([{"name": "f", "parameters": [{"name": "a"}, {"name": "a"}]}])",
     "functions: /functions/1/parameters/1/name: 'a' is there twice"},
    {"ParameterNoIdentifier", R"([{"name": "f", "parameters": [{"name": "a-b"}]}])",
     "functions: /functions/1/parameters/0/name: must be an identifier, not 'a-b'"},
    {"ParameterKind", R"([{"name": "f", "parameters": [{"name": "a", "kind": "any"}]}])",
     "functions: /functions/1/parameters/0/kind: must be one of \"positional\" \"keyword\" "
     "\"var_positional\" \"var_keyword\""},
    {"ParameterOrder",
     R"([{"name": "f", "parameters": [{"name": "a", "kind": "keyword"}, {"name": "b"}]}])",
     "functions: /functions/1/parameters/1/kind: 'positional' cannot follow 'keyword'"},
    {"DefaultBefore",
     R"([{"name": "f", "parameters": [{"name": "a", "default": 1}, {"name": "b"}]}])",
     "functions: /functions/1/parameters/1/default: is missing, as one before it has one"},
    {"DefaultOfMany",
     R"([{"name": "f", "parameters": [{"name": "a", "kind": "var_keyword", "default": {}}]}])",
     "functions: /functions/1/parameters/0/default: 'var_keyword' has none"},
};
INSTANTIATE_TEST_SUITE_P(Cases, HostNameTest, ::testing::ValuesIn(kBadNames), CaseName{});

TEST(HostModuleTest, TenThousandFunctionsAtOnce) {
  ServerProcess server;
  Json functions = Json::array();
  for (int i = 0; i < 10000; ++i) {
    functions.push_back(
        function("f" + std::to_string(i), {{"doc", "One."}, {"parameters", {{{"name", "x"}}}}}));
  }
  EXPECT_EQ(define(server, functions)["names"].size(), 10000U);
  EXPECT_EQ(echo(server, "import host; host.f9999(1)").value(), Json::parse("[[1], {}]"));
}

// ---- what a function looks like -------------------------------------------------------------

class HostFunctionTest : public ::testing::Test {
 protected:
  HostFunctionTest() {
    const Json parameters = {{{"name", "query"}},
                             {{"name", "limit"}, {"default", nullptr}},
                             {{"name", "deep"}, {"default", {1, 2}}, {"kind", "keyword"}}};
    define(server_, {function("search", {{"doc", "Search the index."}, {"parameters", parameters}}),
                     function("free"), function("later", {{"is_async", true}})});
    server_.execute("import host, inspect, pickle");
  }
  Json value(std::string_view code) { return server_.execute(code).value(); }
  ServerProcess server_;
};

TEST_F(HostFunctionTest, HasNameDocumentationAndSignature) {
  EXPECT_EQ(value("host.search.__name__, host.search.__qualname__, host.search.__module__"),
            Json({"search", "search", "host"}));
  EXPECT_EQ(value("host.search.__doc__"), "Search the index.");
  EXPECT_EQ(value("host.free.__doc__ is None"), true);
  EXPECT_EQ(value("str(inspect.signature(host.search))"), "(query, limit=None, *, deep=[1, 2])");
  EXPECT_EQ(value("str(inspect.signature(host.free))"), "(*args, **kwargs)");
  EXPECT_EQ(value("isinstance(host.search.__signature__, inspect.Signature)"), true);
  EXPECT_EQ(value("callable(host.search), inspect.isroutine(host.search)"), Json({true, true}));
}

TEST_F(HostFunctionTest, HelpShowsIt) {
  const std::string help = server_.execute("help(host.search)").out;
  EXPECT_NE(help.find("search(query, limit=None, *, deep=[1, 2])"), std::string::npos) << help;
  EXPECT_NE(help.find("Search the index."), std::string::npos) << help;
  const std::string all = server_.execute("help(host)").out;
  EXPECT_NE(all.find("search(query, limit=None"), std::string::npos) << all;
}

TEST_F(HostFunctionTest, RequestsAboutCodeShowIt) {
  const std::string signature = "(query, limit=None, *, deep=[1, 2])";
  const auto told = [this](std::string_view type, std::string_view code) {
    return request(server_, {{"type", type}, {"code", code}}).dump();
  };
  const std::string inspected = told("inspect", "host.search");
  EXPECT_NE(inspected.find("search" + signature), std::string::npos) << inspected;
  EXPECT_NE(inspected.find("Search the index."), std::string::npos) << inspected;
  const std::string completed = told("complete", "host.se");
  EXPECT_NE(completed.find("\"matches\":[\"search\"]"), std::string::npos) << completed;
  EXPECT_NE(completed.find(signature), std::string::npos) << completed;
  EXPECT_NE(completed.find("\"type\":\"function\""), std::string::npos) << completed;
  const std::string named = told("complete", "host.search(li");
  EXPECT_NE(named.find("limit="), std::string::npos) << named;
}

TEST_F(HostFunctionTest, PicklesByName) {
  EXPECT_EQ(value("pickle.loads(pickle.dumps(host.search)) is host.search"), true);
  EXPECT_EQ(value("import copy; copy.deepcopy([host.search])[0] is host.search"), true);
}

TEST_F(HostFunctionTest, AsyncOneIsACoroutineFunction) {
  EXPECT_EQ(value("import asyncio; inspect.iscoroutinefunction(host.later), "
                  "inspect.iscoroutinefunction(host.search)"),
            Json({true, false}));
  EXPECT_EQ(value("c = host.later(); r = asyncio.iscoroutine(c); c.close(); r"), true);
}

struct WrongCall : Case {
  const char* code;
  const char* message;
};
class HostWrongCallTest : public HostFunctionTest,
                          public ::testing::WithParamInterface<WrongCall> {};

TEST_P(HostWrongCallTest, IsATypeErrorAndSendsNothing) {
  const Execution called = server_.execute(GetParam().code);
  EXPECT_EQ(called.exception(), "TypeError");
  EXPECT_EQ(called.terminal["exception_message"], GetParam().message);
  EXPECT_EQ(called.terminal["frames"].size(), 1U) << called;
  EXPECT_EQ(types_of(called.frames), (std::vector<std::string>{"error"}));
}

const WrongCall kWrongCalls[] = {
    {"Missing", "host.search()", "search() missing 1 required positional argument: 'query'"},
    {"TooMany", "host.search(1, 2, 3)",
     "search() takes from 1 to 2 positional arguments but 3 were given"},
    {"Unknown", "host.search(1, depth=2)", "search() got an unexpected keyword argument 'depth'"},
    {"Twice", "host.search(1, query=2)", "search() got multiple values for argument 'query'"},
    {"NoJson",
     "import datetime\nhost.search(query=[0, 1, 2, {'when': datetime.datetime(2020, 1, 1)}])",
     "search() argument 'query': [3]['when']: datetime is not JSON"},
    {"NoJsonByPlace", "host.search(1, object())", "search() argument 'limit': object is not JSON"},
    {"NoJsonByNumber", "host.free(1, {2})", "free() argument 2: set is not JSON"},
    {"Nan", "host.free([float('nan')])", "free() argument 1: [0]: nan is not JSON"},
    {"Infinity", "host.free(x={'a': -float('inf')})",
     "free() argument 'x': ['a']: -inf is not JSON"},
    {"Key", "host.free({'a': {1: 2}})", "free() argument 1: ['a']: int as a key is not JSON"},
    {"LargeInteger", "host.free(2**53 + 1)",
     "free() argument 1: an int beyond 2**53 is not JSON that everybody reads"},
    {"SubclassOfStr", "host.free(type('S', (str,), {})('x'))", "free() argument 1: S is not JSON"},
    {"ContainsItself", "a = []\na.append(a)\nhost.free(a)",
     "free() argument 1: "
     "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"
     "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper than 32"},
    {"TooLarge", "host.free('x' * 16777217)", "free() argument 1: more than 16777216 bytes"},
    {"TooLargeTogether", "host.free('x' * 9000000, 'x' * 9000000)",
     "free() arguments: more than 16777216 bytes together"},
    {"Async", "import asyncio\nhost.later(1j)", "later() argument 1: complex is not JSON"},
};
INSTANTIATE_TEST_SUITE_P(Cases, HostWrongCallTest, ::testing::ValuesIn(kWrongCalls), CaseName{});

// ---- a call and its answer ------------------------------------------------------------------

TEST_F(HostCallTest, FrameSaysWhoCallsWhat) {
  const Json id = server_.start("host.f(1, 'two', three=[3])", {{"id", "caller"}});
  const Json call = await_call(server_);
  EXPECT_EQ(call["execution_id"], "caller");
  EXPECT_EQ(call["name"], "f");
  EXPECT_EQ(call["args"], Json::parse(R"([1, "two"])"));
  EXPECT_EQ(call["kwargs"], Json::parse(R"({"three": [3]})"));
  EXPECT_TRUE(call["id"].is_string());
  give(server_, call["id"], {{"hits", 1}});
  EXPECT_EQ(server_.finish(id).value(), Json::parse(R"({"hits": 1})"));
}

TEST_F(HostCallTest, DefaultsAreTheClientsToFillIn) {
  define(server_, {function("f", {{"parameters", {{{"name", "x"}, {"default", 5}}}}})});
  EXPECT_EQ(echo(server_, "host.f()").value(), Json::parse("[[], {}]"));
}

TEST_F(HostCallTest, ThousandCallsEachWithAnIdOfItsOwn) {
  const Json id = server_.start("sum(host.f(i) for i in range(1000))");
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const Json call = await_call(server_);
    ASSERT_TRUE(ids.insert(call["id"]).second);
    give(server_, call["id"], call["args"][0]);
  }
  EXPECT_EQ(server_.finish(id).value(), 499500);
}

TEST_F(HostCallTest, DataTravelsWithoutLoss) {
  const char* code =
      "sent = [None, True, -2**53, 2**53, 0.1, 1e300, 'ü\\u2028\\x00\\U0001F600\"\\\\', "
      "{'': [[]], 'k': {}}]\nback = host.f(sent, x=sent)\nback == [[sent], {'x': sent}] and "
      "[type(each) for each in back[0][0]] == [type(each) for each in sent]";
  EXPECT_EQ(echo(server_, code).value(), true);
}

TEST_F(HostCallTest, NullIsAnAnswer) {
  const Json id = server_.start("host.f() is None");
  give(server_, await_call(server_)["id"], nullptr);
  EXPECT_EQ(server_.finish(id).value(), true);
}

TEST_F(HostCallTest, LoneSurrogatesComeInAsTheyAre) {
  const Json id = server_.start("ascii(host.f())");
  const std::string call_id = await_call(server_)["id"];
  server_.send_line(R"({"type":"call_response","call_id":")" + call_id +
                    R"(","data":["\ud800","a\udc80\ud83d\ude00","\ud800\u0041"]})");
  EXPECT_EQ(server_.finish(id).value(), R"(['\ud800', 'a\udc80\U0001f600', '\ud800A'])");
}

TEST_F(HostCallTest, MegabytePassesBothWays) {
  EXPECT_EQ(echo(server_, "len(host.f('x' * 1000000)[0][0])").value(), 1000000);
}

TEST_F(HostCallTest, DeclaredStarsTakeAll) {
  const Json parameters = Json::parse(R"([{"name": "a", "kind": "var_positional"},
                                          {"name": "k", "kind": "var_keyword"}])");
  define(server_, {function("f", {{"parameters", parameters}})});
  EXPECT_EQ(echo(server_, "host.f(1, 2, x=3)").value(), Json::parse(R"([[1, 2], {"x": 3}])"));
  EXPECT_EQ(server_.execute("import inspect; str(inspect.signature(host.f))").value(), "(*a, **k)");
}

TEST_F(HostCallTest, NoParametersIsNotAnyParameters) {
  define(server_, {function("f", {{"parameters", Json::array()}})});
  EXPECT_EQ(server_.execute("import inspect; str(inspect.signature(host.f))").value(), "()");
}

TEST_F(HostCallTest, WhatWasWrittenBeforeComesBefore) {
  const Json id = server_.start(
      "import sys, os\nprint('out'); print('err', file=sys.stderr)\n"
      "os.system('echo child')\nhost.f()");
  const auto frames = server_.read_until("call");
  EXPECT_EQ(output_text(frames, "stdout"), "out\nchild\n");
  EXPECT_EQ(output_text(frames, "stderr"), "err\n");
  give(server_, frames.back()["id"], 1);
  server_.finish(id);
}

TEST_F(HostCallTest, ErrorOfABuiltInTypeIsThatException) {
  const Json id = server_.start("host.f()");
  fail(server_, await_call(server_)["id"], "ValueError", "no such row");
  const Execution called = server_.finish(id);
  EXPECT_EQ(called.exception(), "ValueError");
  EXPECT_EQ(called.terminal["exception_message"], "no such row");
  EXPECT_EQ(called.terminal["frames"].size(), 1U) << called;
}

struct Kind : Case {
  const char* type;
  const char* raised;
};
class HostErrorTest : public HostCallTest, public ::testing::WithParamInterface<Kind> {};

TEST_P(HostErrorTest, IsACallError) {
  const Json id = server_.start(
      "try:\n    host.f()\nexcept Exception as error:\n"
      "    got = [type(error).__name__, getattr(error, 'type', 0), getattr(error, 'message', 0), "
      "str(error)]\ngot");
  fail(server_, await_call(server_)["id"], GetParam().type, "said");
  const Json expected = {"CallError", GetParam().type, "said", GetParam().raised};
  EXPECT_EQ(server_.finish(id).value(), expected);
}

const Kind kKinds[] = {{"OfTheClient", "FetchError", "FetchError: said"},
                       {"NoException", "print", "print: said"},
                       {"WithMoreArguments", "UnicodeDecodeError", "UnicodeDecodeError: said"}};
INSTANTIATE_TEST_SUITE_P(Cases, HostErrorTest, ::testing::ValuesIn(kKinds), CaseName{});

TEST_F(HostCallTest, CallErrorPickles) {
  EXPECT_EQ(server_
                .execute("import pickle\ne = pickle.loads(pickle.dumps(host.CallError('T', "
                         "'m')))\ne.type, e.message")
                .value(),
            Json({"T", "m"}));
}

TEST_F(HostCallTest, InnermostFrameIsTheLineThatCalled) {
  for (const char* call : {"host.f()", "await host.af()"}) {
    const std::string code =
        "import traceback\nasync def user():\n    return "s + call +
        "\ntry:\n    await user()\nexcept ValueError as error:\n"
        "    got = [each.name for each in traceback.extract_tb(error.__traceback__)]\ngot";
    const Json id = server_.start(code);
    fail(server_, await_call(server_)["id"], "ValueError", "x");
    EXPECT_EQ(server_.finish(id).value(), Json({"<module>", "user"})) << call;
  }
}

TEST_F(HostCallTest, BuiltinsMayBeReplaced) {
  server_.execute(
      "import builtins\nfor name in ('isinstance', 'sorted', 'issubclass', 'type', 'tuple', "
      "'list', "
      "'iter'): setattr(builtins, name, None)");
  define(server_, {function("h", {{"parameters", {{{"name", "x"}}}}})});
  EXPECT_EQ(echo(server_, "host.h(1)").value(), Json::parse("[[1], {}]"));
  const Json id = server_.start("host.f(1)");
  fail(server_, await_call(server_)["id"], "KeyError", "x");
  EXPECT_EQ(server_.finish(id).exception(), "KeyError");
}

// ---- from where -----------------------------------------------------------------------------

struct Way : Case {
  const char* code;
};
class HostFromTest : public HostCallTest, public ::testing::WithParamInterface<Way> {};

TEST_P(HostFromTest, CallsInEveryExecution) {
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(echo(server_, GetParam().code).value(), Json::parse("[[1], {}]"));
  }
}

const Way kWays[] = {
    {"Plainly", "host.f(1)"},
    {"FromImport", "from host import f\nf(1)"},
    {"InAFunction", "def call(): return host.f(1)\ncall()"},
    {"AsAnAttributeOfAClass", "class C:\n    m = host.f\nC().m(1)"},
    {"InMap", "list(map(host.f, [1]))[0]"},
    {"AsAPartial", "import functools\nfunctools.partial(host.f, 1)()"},
    {"InAThread",
     "import threading\ngot = []\nt = threading.Thread(target=lambda: got.append(host.f(1)))\n"
     "t.start()\nt.join()\ngot[0]"},
    {"InAnExecutor",
     "from concurrent.futures import ThreadPoolExecutor\n"
     "with ThreadPoolExecutor(1) as pool:\n    got = pool.submit(host.f, 1).result()\ngot"},
    {"InToThread", "import asyncio\nawait asyncio.to_thread(host.f, 1)"},
    {"SyncInACoroutine", "async def main(): return host.f(1)\nawait main()"},
    {"InACallbackOfTheLoop",
     "import asyncio\nloop = asyncio.get_running_loop()\ndone = loop.create_future()\n"
     "loop.call_soon(lambda: done.set_result(host.f(1)))\nawait done"},
    {"Awaited", "await host.af(1)"},
    {"InAsyncioRun",
     "import asyncio\nasync def main(): return await host.af(1)\nasyncio.run(main())"},
    {"CoroutineInAsyncioRun", "import asyncio\nasyncio.run(host.af(1))"},
    {"InATask", "import asyncio\nawait asyncio.create_task(host.af(1))"},
    {"InALoopOfAThread",
     "import asyncio, threading\ngot = []\n"
     "t = threading.Thread(target=lambda: got.append(asyncio.run(host.af(1))))\n"
     "t.start()\nt.join()\ngot[0]"},
    {"WithATimeout", "import asyncio\nawait asyncio.wait_for(host.af(1), 60)"},
};
INSTANTIATE_TEST_SUITE_P(Cases, HostFromTest, ::testing::ValuesIn(kWays), CaseName{});

TEST_F(HostCallTest, InsidePdb) {
  const Json id =
      server_.start("import pdb\ndef work():\n    pdb.set_trace()\n    return 7\nwork()");
  server_.answer(server_.await_input()["id"], "p host.f(41) + 1");
  give(server_, await_call(server_)["id"], 41);
  server_.answer(server_.await_input()["id"], "c");
  const Execution done = server_.finish(id);
  EXPECT_NE(done.out.find("42"), std::string::npos) << done;
  EXPECT_EQ(done.value(), 7);
}

TEST_F(HostCallTest, WhileAnotherThreadWaitsInInput) {
  const Json id = server_.start(
      "import threading\ngot = []\nt = threading.Thread(target=lambda: got.append(input()))\n"
      "t.start()\ngot.append(host.f(1))\nt.join()\ngot");
  Json input, call;
  while (input.is_null() || call.is_null()) {
    const Json frame = server_.read_frame();
    if (frame["type"] == "input") input = frame;
    if (frame["type"] == "call") call = frame;
  }
  const Json status = server_.status();
  EXPECT_EQ(status["pending_inputs"], Json({input["id"]}));
  EXPECT_EQ(status["pending_calls"], Json({call["id"]}));
  server_.send(
      {{"type", "input_response"}, {"data", "for the input"}});  // the oldest input, no call
  give(server_, call["id"], "for the call");
  Json got = server_.finish(id).value();
  std::sort(got.begin(), got.end());
  EXPECT_EQ(got, Json({"for the call", "for the input"}));
}

TEST_F(HostCallTest, SeveralThreadsAreAnsweredInAnyOrder) {
  const Json id = server_.start(
      "from concurrent.futures import ThreadPoolExecutor\n"
      "with ThreadPoolExecutor(5) as pool:\n    got = list(pool.map(host.f, range(5)))\ngot");
  std::vector<Json> calls;
  while (calls.size() < 5) calls.push_back(await_call(server_));
  for (auto each = calls.rbegin(); each != calls.rend(); ++each) {
    give(server_, (*each)["id"], (*each)["args"][0].get<int>() * 10);
  }
  EXPECT_EQ(server_.finish(id).value(), Json({0, 10, 20, 30, 40}));
}

TEST_F(HostCallTest, AThousandAnswersInReverseEachFindTheirOwn) {
  const Json id = server_.start(
      "import asyncio\nawait asyncio.gather(*(host.af(i) for i in range(1000))) == "
      "[-i for i in range(1000)]");
  std::vector<Json> calls(1000);
  for (Json& each : calls) each = await_call(server_);
  std::ranges::reverse(calls);
  for (const Json& each : calls) give(server_, each["id"], -each["args"][0].get<int>());
  EXPECT_EQ(server_.finish(id).value(), true);
}

TEST_F(HostCallTest, ASyncCallHoldsTheLoop) {
  start_loop();
  const Json id = server_.start(
      "ran = []\nasync def other(): ran.append(1)\ntask = asyncio.create_task(other())\n"
      "host.f()\nduring = len(ran)\nawait task\nduring, len(ran)");
  give(server_, await_call(server_)["id"], 1);
  EXPECT_EQ(server_.finish(id).value(), Json({0, 1}));
}

TEST_F(HostCallTest, AnAsyncCallLetsTheLoopRun) {
  start_loop();
  const Json id = server_.start(
      "async def other(): print('meanwhile', flush=True)\ntask = asyncio.create_task(other())\n"
      "await host.af()");
  const Json call = await_call(server_)["id"];
  EXPECT_EQ(server_.read_line(), "meanwhile\n");
  give(server_, call, 1);
  EXPECT_EQ(server_.finish(id).value(), 1);
}

TEST_F(HostCallTest, BelongsToTheExecutionThatStartedItsThreadOrTask) {
  const Json first = server_.start(
      "import asyncio, threading\ngo = threading.Event()\n"
      "def in_thread():\n    go.wait()\n    host.f('thread')\n"
      "async def at_rest():\n    await asyncio.sleep(0)\n    await host.af('task')\n"
      "t = threading.Thread(target=in_thread)\nt.start()\n"
      "task = asyncio.create_task(at_rest())\nawait asyncio.sleep(0)",
      {{"id", "starter"}});
  server_.finish(first);
  const Json of_task = await_call(server_);
  EXPECT_EQ(of_task["args"][0], "task");
  EXPECT_EQ(of_task["execution_id"], "starter");
  const Json second = server_.start("go.set()\nt.join()");
  const Json of_thread = await_call(server_);
  EXPECT_EQ(of_thread["args"][0], "thread");
  EXPECT_EQ(of_thread["execution_id"], "starter");
  give(server_, of_thread["id"], 1);
  give(server_, of_task["id"], 1);
  EXPECT_TRUE(server_.finish(second).ok());
}

TEST_F(HostCallTest, WhatAnyoneWroteBeforeComesBefore) {
  start_loop();
  for (const char* code : {"print('before', end='')\nawait host.af()",
                           "import threading\n"
                           "def work():\n    print('before', end='')\n    host.f()\n"
                           "t = threading.Thread(target=work)\nt.start()\nt.join()"}) {
    const Json id = server_.start(code);
    const auto frames = server_.read_until("call");
    EXPECT_EQ(output_text(frames, "stdout"), "before") << code;
    give(server_, frames.back()["id"], 1);
    server_.finish(id);
  }
}

TEST_F(HostCallTest, GatherSendsAllBeforeAnyAnswer) {
  const Json id =
      server_.start("import asyncio\nawait asyncio.gather(*(host.af(i) for i in range(10)))");
  std::vector<Json> calls;
  while (calls.size() < 10) calls.push_back(await_call(server_));
  for (auto each = calls.rbegin(); each != calls.rend(); ++each) {
    give(server_, (*each)["id"], (*each)["args"][0]);
  }
  EXPECT_EQ(server_.finish(id).value(), Json({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(HostCallTest, LoopRunsOnMeanwhile) {
  const Json id = server_.start(
      "import asyncio\nevent = asyncio.Event()\nasync def other():\n    print('other ran')\n"
      "    event.set()\nasync def caller():\n    return await host.af(1)\n"
      "task = asyncio.create_task(caller())\nawait asyncio.sleep(0)\n"
      "asyncio.create_task(other())\nawait event.wait()\nprint('waited')\nawait task");
  const Json call = await_call(server_);
  std::string printed;
  while (printed.find("waited") == std::string::npos) {
    const Json frame = server_.read_frame();
    if (frame["type"] == "output") printed += frame["data"];
  }
  give(server_, call["id"], "done");
  EXPECT_EQ(server_.finish(id).value(), "done");
}

TEST_F(HostCallTest, TaskAtRestIsAnswered) {
  const Json id = server_.start(
      "import asyncio\nasync def work():\n    global got\n    got = await host.af(1)\n"
      "    print('got', got)\ntask = asyncio.create_task(work())\nawait asyncio.sleep(0)");
  const Json call = await_call(server_);
  server_.finish(id);
  EXPECT_EQ(server_.status()["state"], "idle");
  give(server_, call["id"], 5);
  EXPECT_EQ(server_.read_line(), "got 5\n");
}

TEST_F(HostCallTest, NeverAwaitedIsWarnedOf) {
  const Execution done = server_.execute("host.af(1)\nNone");
  EXPECT_NE(done.err.find("coroutine 'host.af' was never awaited"), std::string::npos) << done;
}

TEST_F(HostCallTest, ForkedChildCannotCall) {
  for (const char* call : {"host.f()", "asyncio.run(host.af())"}) {
    const Execution done = server_.execute(
        "import os, asyncio\nr, w = os.pipe()\npid = os.fork()\nif pid == 0:\n    try:\n        "s +
        call +
        "\n    except RuntimeError as error:\n        os.write(w, b'RuntimeError')\n"
        "    os._exit(0)\nos.waitpid(pid, 0)\nos.read(r, 100).decode()");
    EXPECT_EQ(done.value(), "RuntimeError") << done;
  }
}

// ---- answers that are none ------------------------------------------------------------------

TEST_F(HostCallTest, UnknownCallId) {
  server_.send({{"type", "call_response"}, {"call_id", "nope"}, {"data", 1}, {"id", "r"}});
  const Json refused = server_.read_until("protocol_error").back();
  EXPECT_EQ(refused["code"], "unknown_call_id");
  EXPECT_EQ(refused["id"], "r");
}

TEST_F(HostCallTest, NeitherTakesTheOthersIds) {
  const Json id = server_.start("host.f(), input()");
  const Json call = await_call(server_)["id"];
  server_.answer(call, "x");
  EXPECT_EQ(server_.read_until("protocol_error").back()["code"], "unknown_input_id");
  give(server_, call, 1);
  const Json input = server_.await_input()["id"];
  give(server_, input, 1);
  EXPECT_EQ(server_.read_until("protocol_error").back()["code"], "unknown_call_id");
  server_.answer(input, "x");
  EXPECT_EQ(server_.finish(id).value(), Json::parse(R"([1, "x"])"));
}

TEST_F(HostCallTest, ExactlyOneAnswerAndTheCallWaitsOn) {
  const Json id = server_.start("host.f()");
  const Json call = await_call(server_)["id"];
  Json frame = {{"type", "call_response"}, {"call_id", call}};
  server_.send(frame);
  EXPECT_EQ(server_.read_until("protocol_error").back()["message"],
            "call_response: one of /data, /error is missing");
  frame["data"] = nullptr;
  frame["error"] = {{"type", "X"}, {"message", "y"}};
  server_.send(frame);
  EXPECT_EQ(server_.read_until("protocol_error").back()["message"],
            "call_response: only one of /data, /error may be there");
  frame.erase("data");
  frame["error"].erase("message");
  server_.send(frame);
  EXPECT_EQ(server_.read_until("protocol_error").back()["message"],
            "call_response: /error/message: is missing");
  give(server_, call, 3);
  EXPECT_EQ(server_.finish(id).value(), 3);
}

std::string answer_of(const Json& call, std::size_t size) {
  const Json frame = {
      {"type", "call_response"}, {"call_id", call}, {"data", std::string(size - 2, 'x')}};
  return frame.dump() + "\n";
}

TEST_F(HostCallTest, AnswerOf64MebibytesIsRefusedAndTheCallWaitsOn) {
  const Json id = server_.start("len(host.f())");
  const Json call = await_call(server_)["id"];
  server_.send_bytes(answer_of(call, 64 << 20));
  const Json refused = server_.read_until("protocol_error").back();
  EXPECT_EQ(refused["code"], "frame_too_large");
  EXPECT_NE(refused["message"].get<std::string>().find("16777216"), std::string::npos) << refused;
  server_.send_bytes(answer_of(call, 16000000));
  EXPECT_EQ(server_.finish(id).value(), 15999998);
}

TEST(HostLimitTest, IsNamedWhereFramesMayBeLarger) {
  ServerProcess server(options({"--max-frame-bytes", "100M"}));
  EXPECT_EQ(server.ready()["limits"]["call_bytes"], 16777216);
  define(server, {function("f")});
  const Json id = server.start("import host\nlen(host.f())");
  const Json call = await_call(server)["id"];
  server.send_bytes(answer_of(call, (16 << 20) + 1));
  const Json refused = server.read_until("protocol_error").back();
  EXPECT_EQ(refused["code"], "invalid_field");
  EXPECT_EQ(refused["message"], "call_response: /data: has more than limits.call_bytes, 16777216");
  server.send_bytes(answer_of(call, 16 << 20));
  EXPECT_EQ(server.finish(id).value(), (16 << 20) - 2);
}

// ---- waiting, and its end -------------------------------------------------------------------

class HostWaitTest : public ::testing::TestWithParam<bool> {
 protected:
  HostWaitTest() {
    define(server_, {function("f"), function("af", {{"is_async", true}})});
    server_.execute("import host");
  }
  static Launch launch() { return GetParam() ? surviving() : Launch{}; }
  // Importing asyncio takes its time.
  void start_loop() { server_.execute("import asyncio\nawait asyncio.sleep(0)"); }

  ServerProcess server_{launch()};
};
INSTANTIATE_TEST_SUITE_P(Mode, HostWaitTest, ::testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Survive" : "OneProcess"; });

TEST_P(HostWaitTest, StatusSaysSo) {
  const Json id = server_.start("host.f()");
  const Json call = await_call(server_)["id"];
  const Json status = server_.status();
  EXPECT_EQ(status["state"], "waiting_for_call");
  EXPECT_EQ(status["pending_calls"], Json({call}));
  EXPECT_EQ(status["pending_inputs"], Json::array());
  give(server_, call, 1);
  server_.finish(id);
  EXPECT_EQ(server_.status()["pending_calls"], Json::array());
}

TEST_P(HostWaitTest, DeadlineStandsStill) {
  start_loop();
  for (const char* code : {"host.f()", "await host.af()"}) {
    const Json id = server_.start(code, {{"timeout", 0.2}});
    const Json call = await_call(server_)["id"];
    while (server_.status()["elapsed"] < 0.5) continue;
    give(server_, call, "in time");
    EXPECT_EQ(server_.finish(id).value(), "in time");
  }
}

TEST_P(HostWaitTest, DeadlineThatIncludesItClosesIt) {
  start_loop();
  for (const char* code : {"host.f()", "await host.af()"}) {
    const Json id = server_.start(code, {{"timeout", 0.2}, {"timeout_includes_input", true}});
    const Json call = await_call(server_)["id"];
    const Json closed = server_.read_until("call_closed").back();
    EXPECT_EQ(closed["id"], call);
    EXPECT_EQ(closed["reason"], "timeout");
    EXPECT_EQ(server_.finish(id).reason(), "timeout");
    give(server_, call, 1);
    EXPECT_EQ(server_.read_until("protocol_error").back()["code"], "unknown_call_id");
  }
}

TEST_P(HostWaitTest, InterruptClosesItBeforeTheTerminalFrame) {
  for (const char* code : {"host.f()", "await host.af()",
                           "import asyncio\nawait asyncio.gather(host.af(), host.af())"}) {
    const Json id = server_.start(code);
    const Json call = await_call(server_)["id"];
    server_.send({{"type", "interrupt"}, {"execution_id", id}});
    const auto frames = server_.read_until("error");
    const Json closed = frame_of(frames, "call_closed");
    EXPECT_EQ(closed.value("id", Json()), call) << code;
    EXPECT_EQ(closed.value("reason", ""), "interrupt") << code;
    EXPECT_EQ(frames.back()["reason"], "interrupt") << code;
    give(server_, call, 1);
    EXPECT_EQ(server_.read_until("protocol_error").back()["code"], "unknown_call_id");
  }
}

TEST_P(HostWaitTest, InterruptClosesAllOfAGather) {
  const Json id = server_.start("import asyncio\nawait asyncio.gather(host.af(), host.af())");
  std::set<Json> waiting = {await_call(server_)["id"], await_call(server_)["id"]};
  server_.send({{"type", "interrupt"}, {"execution_id", id}});
  for (const Json& frame : server_.read_until("error")) {
    if (frame["type"] == "call_closed") waiting.erase(frame["id"]);
  }
  EXPECT_TRUE(waiting.empty());
}

TEST_P(HostWaitTest, CancelledTaskClosesIt) {
  const Json id = server_.start(
      "import asyncio\ntask = asyncio.create_task(host.af())\nawait asyncio.sleep(0)\n"
      "task.cancel()\ntry:\n    await task\nexcept asyncio.CancelledError:\n    got = 'cancelled'\n"
      "got");
  EXPECT_EQ(server_.read_until("call_closed").back()["reason"], "cancelled");
  EXPECT_EQ(server_.finish(id).value(), "cancelled");
}

TEST_P(HostWaitTest, TimeOfAsyncioClosesIt) {
  const Json id = server_.start(
      "import asyncio\ntry:\n    await asyncio.wait_for(host.af(), 0.01)\n"
      "except asyncio.TimeoutError:\n    got = 'late'\ngot");
  EXPECT_EQ(server_.read_until("call_closed").back()["reason"], "cancelled");
  EXPECT_EQ(server_.finish(id).value(), "late");
}

TEST_P(HostWaitTest, EndOfInputClosesIt) {
  for (const char* code : {"host.f()", "await host.af()"}) {
    ServerProcess server(launch());
    define(server, {function("f"), function("af", {{"is_async", true}})});
    const Json id = server.start("import host\n"s + code);
    await_call(server);
    server.close_stdin();
    EXPECT_EQ(server.read_until("call_closed").back()["reason"], "end_of_input");
    EXPECT_EQ(server.finish(id).exception(), "EOFError");
    EXPECT_EQ(server.wait_exit(), 0);
  }
}

TEST_P(HostWaitTest, CallAfterTheEndOfInput) {
  const Json id = server_.start("host.f()");
  const Json other = server_.start(
      "try:\n    host.f()\nexcept EOFError as error:\n    got = "
      "str(error)\ngot");
  await_call(server_);
  server_.close_stdin();
  server_.finish(id);
  const Execution done = server_.finish(other);
  EXPECT_EQ(done.value(), "f(): the client answers no more");
  EXPECT_TRUE(frame_of(done.frames, "call").is_null());
}

TEST_P(HostWaitTest, ShutdownClosesIt) {
  for (const char* code :
       {"host.f()", "await host.af()",
        "import threading\nt = threading.Thread(target=host.f)\nt.start()\nt.join()"}) {
    ServerProcess server(launch());
    define(server, {function("f"), function("af", {{"is_async", true}})});
    const Json id = server.start("import host\n"s + code);
    await_call(server);
    server.send({{"type", "shutdown"}, {"id", "s"}});
    const auto frames = server.read_to_end();
    EXPECT_EQ(frame_of(frames, "call_closed")["reason"], "shutdown") << code;
    EXPECT_EQ(frames.back()["type"], "shutdown_reply");
    EXPECT_EQ(server.wait_exit(), 0);
  }
}

TEST_F(HostCallTest, CallsWithoutEndLeaveNothing) {
  const auto run = [this](int count) {
    const Json id = server_.start("for i in range(" + std::to_string(count) + "): host.f(i)");
    for (int i = 0; i < count; ++i) give(server_, await_call(server_)["id"], i);
    server_.finish(id);
    return server_.status()["memory_usage"].get<std::int64_t>();
  };
  run(2000);
  const std::int64_t before = run(2000);
  EXPECT_LT(run(10000) - before, 1 << 20);
}

// ---- with --survive -------------------------------------------------------------------------

class HostSurviveTest : public ::testing::Test {
 protected:
  HostSurviveTest() {
    define(server_, {function("f"), function("af", {{"is_async", true}})});
    server_.execute("import host");
  }
  ServerProcess server_{surviving()};
};

TEST_F(HostSurviveTest, CallsFromEverywhere) {
  for (const Way& way : kWays) {
    EXPECT_EQ(echo(server_, way.code).value(), Json::parse("[[1], {}]")) << way.code;
  }
}

TEST_F(HostSurviveTest, TaskAtRestIsAnswered) {
  const Json id = server_.start(
      "import asyncio\nasync def work():\n    print('got', await host.af(1))\n"
      "task = asyncio.create_task(work())\nawait asyncio.sleep(0)");
  const Json call = await_call(server_)["id"];
  server_.finish(id);
  give(server_, call, 5);
  EXPECT_EQ(server_.read_line(), "got 5\n");
}

TEST_F(HostSurviveTest, CrashClosesPendingCalls) {
  const Json id = server_.start(
      "import threading, os, signal\nt = threading.Thread(target=host.f, daemon=True)\nt.start()\n"
      "host.f(2)\nos.kill(os.getpid(), signal.SIGKILL)");
  Json second;
  Json first;
  while (second.is_null() || first.is_null()) {
    const Json call = await_call(server_);
    (call["args"].empty() ? first : second) = call;
  }
  give(server_, second["id"], 1);
  const Json closed = server_.read_until("call_closed").back();
  EXPECT_EQ(closed["id"], first["id"]);
  EXPECT_EQ(closed["reason"], "crash");
  EXPECT_EQ(server_.finish(id).reason(), "crash");
  give(server_, first["id"], 1);
  EXPECT_EQ(server_.read_until("protocol_error").back()["code"], "unknown_call_id");
}

TEST_F(HostSurviveTest, FunctionsAreThereAfterARestore) {
  const Json saved = checkpoint(server_);
  define(server_, {function("later")}, {{"remove", {"af"}}});
  request(server_, {{"type", "restore"}, {"checkpoint_id", saved}});
  EXPECT_EQ(server_.execute("dir(host)").value(), Json({"CallError", "f", "later"}));
  EXPECT_EQ(echo(server_, "host.later(1)").value(), Json::parse("[[1], {}]"));
}

TEST_F(HostSurviveTest, AnIdIsNeverUsedTwice) {
  std::set<std::string> ids;
  const auto call = [&] {
    const Json id = server_.start("host.f()");
    const Json asked = await_call(server_)["id"];
    EXPECT_TRUE(ids.insert(asked).second) << asked;
    give(server_, asked, 1);
    server_.finish(id);
  };
  call();
  const Json saved = checkpoint(server_);
  call();
  request(server_, {{"type", "restore"}, {"checkpoint_id", saved}});
  call();
  kill_at_rest(server_, server_.execute("import os; os.getpid()").value());
  call();
}

TEST_F(HostSurviveTest, FunctionsAreThereAfterACrash) {
  server_.execute("old = host.f");
  kill_at_rest(server_, first_interpreter(server_));
  EXPECT_EQ(echo(server_, "old(1)").value(), Json::parse("[[1], {}]"));
}

TEST_F(HostSurviveTest, FunctionsAreThereWhenPythonIsStartedAnew) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  define(server, {function("f")});
  kill_at_rest(server, first_interpreter(server));
  EXPECT_EQ(echo(server, "import host; host.f(1)").value(), Json::parse("[[1], {}]"));
}

TEST_F(HostSurviveTest, WhatARestoredTaskWaitedForIsAnsweredNoMore) {
  const Json id = server_.start(
      "import asyncio\nasync def work():\n    try:\n        await host.af(1)\n"
      "    except EOFError as error:\n        print(error)\n"
      "task = asyncio.create_task(work())\nawait asyncio.sleep(0)");
  await_call(server_);
  server_.finish(id);
  const Json saved = checkpoint(server_);
  server_.send({{"type", "restore"}, {"id", "r"}, {"checkpoint_id", saved}});
  EXPECT_EQ(server_.read_line(), "the client answers no more\n");  // the reply may be behind it
  EXPECT_EQ(echo(server_, "await host.af(1)").value(), Json::parse("[[1], {}]"));
}

}  // namespace
}  // namespace replwire_tests
