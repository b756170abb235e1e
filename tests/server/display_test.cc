// display() and its like, and what results show beyond their repr.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

std::vector<Json> shown(const Execution& execution) {
  std::vector<Json> frames;
  for (const Json& frame : execution.frames) {
    if (frame["type"] == "display") frames.push_back(frame);
  }
  return frames;
}

Json only_shown(const Execution& execution) {
  const std::vector<Json> frames = shown(execution);
  EXPECT_EQ(frames.size(), 1u) << execution;
  return frames.empty() ? Json::object() : frames[0];
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// ---- forms of a result ----------------------------------------------------------------------

struct Form : Case {
  const char* method;
  const char* type;
  Json data;
};

class RichFormTest : public ::testing::TestWithParam<Form> {};

std::string class_with(std::string_view methods) {
  return "class C:\n    def __repr__(self): return 'plain'\n    " + std::string(methods) + "\n";
}

TEST_P(RichFormTest, ComesWithTheResult) {
  ServerProcess server;
  const Execution execution = server.execute(class_with(GetParam().method) + "C()");
  EXPECT_EQ(execution.repr(), "plain") << execution;
  EXPECT_EQ(execution.terminal["display"][GetParam().type], GetParam().data) << execution;
}

TEST_P(RichFormTest, IsDisplayed) {
  ServerProcess server;
  const Json frame =
      only_shown(server.execute(class_with(GetParam().method) + "display(C())", {{"id", "d"}}));
  EXPECT_EQ(frame["execution_id"], "d");
  EXPECT_EQ(frame["data"][GetParam().type], GetParam().data) << frame;
}

const Form kForms[] = {
    {"Html", "def _repr_html_(self): return '<b>x</b>'", "text/html", "<b>x</b>"},
    {"Markdown", "def _repr_markdown_(self): return '*x*'", "text/markdown", "*x*"},
    {"Svg", "def _repr_svg_(self): return '<svg/>'", "image/svg+xml", "<svg/>"},
    {"Png", "def _repr_png_(self): return b'\\x89PNG'", "image/png", "iVBORw=="},
    {"PngAsText", "def _repr_png_(self): return 'iVBORw=='", "image/png", "iVBORw=="},
    {"Jpeg", "def _repr_jpeg_(self): return b'\\xff\\xd8'", "image/jpeg", "/9g="},
    {"Latex", "def _repr_latex_(self): return '$x$'", "text/latex", "$x$"},
    {"Javascript", "def _repr_javascript_(self): return '1'", "application/javascript", "1"},
    {"Pdf", "def _repr_pdf_(self): return b'%PDF'", "application/pdf", "JVBERg=="},
    {"Json",
     "def _repr_json_(self): return {'a': [1, None, float('nan'), '\\u2028']}",
     "application/json",
     {{"a", {1, nullptr, nullptr, "\u2028"}}}},
    {"Pretty", "def _repr_pretty_(self, p, cycle): p.text('pretty')", "text/plain", "pretty"},
    {"Bundle", "def _repr_mimebundle_(self, include=None, exclude=None): return {'x/y': 'z'}",
     "x/y", "z"},
    {"BundleOfJson",
     "def _repr_mimebundle_(self, **o): return {'application/x+json': {'a': 1}}",
     "application/x+json",
     {{"a", 1}}},
    {"BundleWithMetadata", "def _repr_mimebundle_(self, **o): return {'x/y': b'z'}, {'x/y': {}}",
     "x/y", "eg=="},
    {"WithMetadata", "def _repr_html_(self): return '<i>', {'isolated': True}", "text/html", "<i>"},
};
INSTANTIATE_TEST_SUITE_P(Forms, RichFormTest, ::testing::ValuesIn(kForms), CaseName());

TEST(RichResultTest, HasThePlainTextToo) {
  ServerProcess server;
  EXPECT_EQ(
      server.execute(class_with("def _repr_html_(self): return ''") + "C()").terminal["display"],
      Json({{"text/html", ""}, {"text/plain", "plain"}}));
}

TEST(RichResultTest, WhatShowsItselfIsShownOnceAndHasNoRepr) {
  ServerProcess server;
  server.execute(
      class_with("def _repr_html_(self): return '<b>'\n"
                 "    def _ipython_display_(self): display({'x/y': 'mine'}, raw=True)"));
  const Execution result = server.execute("C()");
  EXPECT_EQ(only_shown(result)["data"], Json({{"x/y", "mine"}}));
  EXPECT_TRUE(result.repr().is_null()) << result;
  EXPECT_FALSE(result.terminal.contains("display")) << result;
  EXPECT_EQ(only_shown(server.execute("display(C())"))["data"], Json({{"x/y", "mine"}}));
  EXPECT_EQ(server.execute("_.__class__.__name__").value(), "C");
  const Execution failing = server.execute(class_with("def _repr_html_(self): return '<b>'\n"
                                                      "    def _ipython_display_(self): 1 / 0") +
                                           "C()");
  EXPECT_EQ(failing.terminal["display"]["text/html"], "<b>") << failing;
  EXPECT_TRUE(contains(failing.err, "ZeroDivisionError")) << failing;
}

TEST(RichResultTest, PlainValuesHaveNone) {
  ServerProcess server;
  for (const char* code :
       {"1", "'x'", "[1]", "{1: 2}", "object()", "len", "int", "lambda: 0",
        "class C:\n    def _repr_html_(self): return '<b>'\nC", "C()._repr_html_",
        "class N:\n    def _repr_html_(self): return None\nN()"}) {
    EXPECT_FALSE(server.execute(code).terminal.contains("display")) << code;
  }
}

TEST(RichResultTest, ObjectsThatHaveEveryNameHaveNone) {
  ServerProcess server;
  EXPECT_FALSE(server.execute("import unittest.mock\nunittest.mock.MagicMock()")
                   .terminal.contains("display"));
  const Execution execution = server.execute(
      "class Any:\n    def __getattr__(self, name): raise RuntimeError(name)\nAny()");
  EXPECT_FALSE(execution.terminal.contains("display")) << execution;
  EXPECT_EQ(execution.err, "");
}

TEST(RichResultTest, AnExceptionCostsThatFormOnlyAndIsSaid) {
  ServerProcess server;
  const Execution execution = server.execute(
      class_with("def _repr_html_(self): return 1 / 0\n    def _repr_latex_(self): return '$'") +
      "C()");
  EXPECT_EQ(execution.repr(), "plain");
  EXPECT_EQ(execution.terminal["display"], Json({{"text/latex", "$"}, {"text/plain", "plain"}}));
  EXPECT_TRUE(contains(execution.err, "C._repr_html_")) << execution;
  EXPECT_TRUE(contains(execution.err, "return 1 / 0")) << execution;
  const std::size_t first = execution.err.find("ZeroDivisionError");
  ASSERT_NE(first, std::string::npos) << execution;
  EXPECT_EQ(execution.err.find("ZeroDivisionError", first + 1), std::string::npos);
}

TEST(RichResultTest, AWrongTypeCostsThatFormOnly) {
  ServerProcess server;
  const Execution execution = server.execute(
      class_with("def _repr_html_(self): return 5\n    def _repr_latex_(self): return '$'\n"
                 "    def _repr_json_(self): return object()") +
      "C()");
  EXPECT_EQ(execution.terminal["display"], Json({{"text/latex", "$"}, {"text/plain", "plain"}}));
  EXPECT_TRUE(contains(execution.err, "TypeError")) << execution;
}

TEST(RichResultTest, OneThatIsTooLongIsLeftOut) {
  ServerProcess server;
  const auto limit = server.ready()["limits"]["display_bytes"].get<std::size_t>();
  const Execution execution = server.execute(
      class_with("def _repr_html_(self): return 'x' * " + std::to_string(limit)) + "C()");
  EXPECT_FALSE(execution.terminal.contains("display"));
  EXPECT_TRUE(contains(execution.err, "too long")) << execution;
}

TEST(RichResultTest, CanBeInterrupted) {
  ServerProcess server;
  const Json id = server.start(
      class_with("def _repr_html_(self):\n        display('here')\n        while True: pass") +
      "C()");
  server.read_until("display");
  EXPECT_EQ(server.interrupt(id)["outcome"], "delivered");
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
}

TEST(RichResultTest, TimesOut) {
  ServerProcess server;
  EXPECT_EQ(server
                .execute(class_with("def _repr_html_(self):\n        while True: pass") + "C()",
                         {{"timeout", 0.1}})
                .reason(),
            "timeout");
}

TEST(PrettyTest, LaysOutAsTheUsualMethodsExpect) {
  ServerProcess server;
  const Execution execution = server.execute(
      "class P:\n"
      "    def __init__(self, *parts): self.parts = parts\n"
      "    def _repr_pretty_(self, p, cycle):\n"
      "        if cycle: return p.text('P(...)')\n"
      "        with p.group(2, 'P(', ')'):\n"
      "            for number, part in enumerate(self.parts):\n"
      "                if number:\n"
      "                    p.text(',')\n"
      "                    p.breakable()\n"
      "                p.pretty(part)\n"
      "own = P(1)\nown.parts = (own,)\n"
      "display(P(1, 'a', P([2], {3: ()})))\ndisplay(P('x' * 50, 'y' * 50))\ndisplay(own)");
  const std::vector<Json> frames = shown(execution);
  ASSERT_EQ(frames.size(), 3u) << execution;
  EXPECT_EQ(frames[0]["data"]["text/plain"], "P(1, 'a', P([2], {3: ()}))");
  EXPECT_EQ(frames[1]["data"]["text/plain"],
            "P('" + std::string(50, 'x') + "',\n  '" + std::string(50, 'y') + "')");
  EXPECT_EQ(frames[2]["data"]["text/plain"], "P(P(...))");
}

// ---- display --------------------------------------------------------------------------------

TEST(DisplayTest, HasItsFields) {
  ServerProcess server;
  const Json frame = only_shown(server.execute("display([1, 'x'])", {{"id", 5}}));
  EXPECT_EQ(frame, Json({{"type", "display"},
                         {"execution_id", 5},
                         {"data", {{"text/plain", "[1, 'x']"}}},
                         {"metadata", Json::object()}}));
}

TEST(DisplayTest, ComesInTheOrderOfTheOutput) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import os, sys\nprint('a', end='')\ndisplay(1)\nos.write(1, b'b')\ndisplay(2, 3)\n"
      "print('c', end='', file=sys.stderr)\nclear_output()\nprint('d', end='')\n4");
  std::string order;
  for (const Json& frame : execution.frames) {
    if (frame["type"] == "output") order += frame["data"].get<std::string>();
    if (frame["type"] == "display") order += frame["data"]["text/plain"].get<std::string>();
    if (frame["type"] == "clear_output") order += "-";
    if (frame["type"] == "result") order += "=";
  }
  EXPECT_EQ(order, "a1b23c-d=");
}

TEST(DisplayTest, BelongsToTheExecutionOfItsThread) {
  ServerProcess server;
  const Json first = server.start(
      "import threading\ngo = threading.Event()\n"
      "def late():\n    go.wait()\n    display('late')\n    clear_output()\n"
      "thread = threading.Thread(target=late)\nthread.start()");
  server.finish(first);
  server.start("go.set()\nthread.join()");
  EXPECT_EQ(server.read_until("display").back()["execution_id"], first);
  EXPECT_EQ(server.read_until("clear_output").back()["execution_id"], first);
}

TEST(DisplayTest, BelongsToTheExecutionOfItsTask) {
  ServerProcess server;
  const Json first = server.start(
      "import asyncio\ngo = asyncio.Event()\n"
      "async def late():\n    await go.wait()\n    display('late')\n"
      "task = asyncio.create_task(late())\nawait asyncio.sleep(0)");
  server.finish(first);
  server.start("go.set()\nawait task");
  EXPECT_EQ(server.read_until("display").back()["execution_id"], first);
}

TEST(DisplayTest, CanBeUpdated) {
  ServerProcess server;
  const Execution execution = server.execute(
      "handle = display(1, display_id='own')\nhandle.update(2)\nupdate_display(3, "
      "display_id='own')\n"
      "other = display(4, display_id=True)\nother.update(5)\nother.display_id");
  const std::vector<Json> frames = shown(execution);
  ASSERT_EQ(frames.size(), 5u) << execution;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(frames[i]["display_id"], "own");
    EXPECT_EQ(frames[i].value("update", false), i > 0) << frames[i];
  }
  EXPECT_EQ(frames[3]["display_id"], execution.value());
  EXPECT_NE(frames[3]["display_id"], "own");
  EXPECT_EQ(frames[4]["display_id"], execution.value());
  EXPECT_EQ(frames[4]["data"]["text/plain"], "5");
  EXPECT_EQ(server.execute("update_display(1)").exception(), "TypeError");
}

TEST(DisplayTest, TakesRawDataMetadataAndAChoiceOfForms) {
  ServerProcess server;
  const Json raw =
      only_shown(server.execute("display({'text/html': '<b>', 'image/png': b'x'}, raw=True, "
                                "metadata={'image/png': {'width': 5}})"));
  EXPECT_EQ(raw["data"], Json({{"text/html", "<b>"}, {"image/png", "eA=="}}));
  EXPECT_EQ(raw["metadata"], Json({{"image/png", {{"width", 5}}}}));
  const std::string both = class_with(
      "def _repr_html_(self): return '<i>', {'isolated': True}\n    def _repr_latex_(self): return "
      "'$'");
  const Json html = only_shown(server.execute(both + "display(C(), include=['text/html'])"));
  EXPECT_EQ(html["data"], Json({{"text/html", "<i>"}}));
  EXPECT_EQ(html["metadata"], Json({{"text/html", {{"isolated", true}}}}));
  const Json latex = only_shown(server.execute("display(C(), exclude=['text/html'])"));
  EXPECT_EQ(latex["data"], Json({{"text/latex", "$"}, {"text/plain", "plain"}}));
}

TEST(DisplayTest, HostileArgumentsHurtNothing) {
  ServerProcess server;
  EXPECT_EQ(server.execute("display(1, display_id='x' * 5000)").exception(), "ValueError");
  EXPECT_EQ(server.execute("display(1, display_id=5)").exception(), "TypeError");
  EXPECT_EQ(only_shown(server.execute("display(1, metadata={'a': object()})"))["metadata"],
            Json::object());
  EXPECT_EQ(
      only_shown(server.execute("d = {}\nd['d'] = d\ndisplay({'text/plain': 'x', 'a/json': d}, "
                                "raw=True)"))["data"],
      Json({{"text/plain", "x"}}));
  EXPECT_EQ(only_shown(server.execute("display('\\udc80\\0')"))["data"]["text/plain"],
            "'\\udc80\\x00'");
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(DisplayTest, ClearOutputSaysWhetherItWaits) {
  ServerProcess server;
  const Execution execution =
      server.execute("clear_output()\nclear_output(wait=True)", {{"id", "c"}});
  ASSERT_EQ(types_of(execution.frames),
            (std::vector<std::string>{"clear_output", "clear_output", "result"}));
  EXPECT_EQ(execution.frames[0],
            Json({{"type", "clear_output"}, {"execution_id", "c"}, {"wait", false}}));
  EXPECT_EQ(execution.frames[1]["wait"], true);
}

TEST(DisplayTest, AHostileReprIsSaidAndNothingIsShown) {
  ServerProcess server;
  const Execution execution =
      server.execute("class R:\n    def __repr__(self): return 1 / 0\ndisplay(R())\n'goes on'");
  EXPECT_EQ(shown(execution).size(), 0u);
  EXPECT_TRUE(contains(execution.err, "ZeroDivisionError"));
  EXPECT_EQ(execution.value(), "goes on");
}

TEST(DisplayTest, IsNoVariableAndCostsNoImport) {
  ServerProcess server;
  server.send({{"type", "variables"}, {"id", "v"}});
  EXPECT_EQ(server.read_until("variables_reply").back()["total"], 0);
  EXPECT_EQ(
      server
          .execute("import sys\n{'matplotlib', 'IPython', 'traceback', 'numpy'} & set(sys.modules)")
          .repr(),
      "set()");
}

TEST(DisplayTest, InAForkedChildIsPrinted) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import os\npid = os.fork()\nif pid == 0:\n    display('child')\n    os._exit(0)\n"
      "os.waitpid(pid, 0)\ndisplay('parent')");
  EXPECT_TRUE(contains(execution.out, "child")) << execution;
  EXPECT_EQ(only_shown(execution)["data"]["text/plain"], "'parent'");
}

TEST(DisplayTest, WaitsForAClientThatIsBehind) {
  ServerProcess server(options({"--output-buffer", "65536"}));
  const Json id = server.start("for n in range(400): display('x' * 20000)");
  EXPECT_EQ(server.status()["state"], "busy");
  EXPECT_EQ(shown(server.finish(id)).size(), 400u);
}

// ---- sys.displayhook ------------------------------------------------------------------------

TEST(DisplayHookTest, OfTheUsersOwnShowsValuesInsteadOfRepr) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute("import sys\ndef hook(value): print('hook', value)\n"
                           "sys.displayhook = hook")
                  .ok());
  const Execution execution = server.execute("6 * 7");
  EXPECT_EQ(execution.out, "hook 42\n");
  EXPECT_EQ(execution.repr(), nullptr);
  EXPECT_EQ(execution.value(), 42);
  EXPECT_EQ(server.execute("None").out, "hook None\n");
  EXPECT_EQ(server.execute("x = 1").out, "");
  EXPECT_EQ(server.execute("5", {{"silent", true}}).out, "");
  EXPECT_EQ(server.execute("sys.displayhook = sys.__displayhook__\n7").repr(), "7");
}

TEST(DisplayHookTest, WhatItRaisesIsTheExecutionsError) {
  ServerProcess server;
  server.execute("import sys\ndef hook(value): 1 / 0\nsys.displayhook = hook");
  EXPECT_EQ(server.execute("1").exception(), "ZeroDivisionError");
}

TEST(DisplayHookTest, ThatCallsTheOriginalPrintsAndKeepsTheValue) {
  ServerProcess server;
  server.execute("import sys\nsys.displayhook = lambda value: sys.__displayhook__(value)");
  EXPECT_EQ(server.execute("'a'").out, "'a'\n");
  EXPECT_EQ(server.execute("x = _").ok(), true);
}

// ---- IPython --------------------------------------------------------------------------------

TEST(IPythonTest, ItsObjectsAndFunctionsShow) {
  ServerProcess server;
  const Execution execution = server.execute(
      "from IPython.display import display, HTML, Image, clear_output, update_display, Markdown\n"
      "display(HTML('<b>x</b>'), display_id='h')\nupdate_display(Markdown('*y*'), display_id='h')\n"
      "clear_output(wait=True)\ndisplay(Image(data=b'\\x89PNG\\r\\n\\x1a\\n', format='png'))\n"
      "HTML('<i>')");
  if (execution.exception() == "ModuleNotFoundError")
    GTEST_SKIP() << "no IPython (python3-ipython)";
  const std::vector<Json> frames = shown(execution);
  ASSERT_EQ(frames.size(), 3u) << execution;
  EXPECT_EQ(frames[0]["data"]["text/html"], "<b>x</b>");
  EXPECT_EQ(frames[1]["data"]["text/markdown"], "*y*");
  EXPECT_EQ(frames[1]["update"], true);
  EXPECT_EQ(frames[2]["data"]["image/png"], "iVBORw0KGgo=");
  EXPECT_EQ(execution.frames[execution.frames.size() - 3]["type"], "clear_output") << execution;
  EXPECT_EQ(execution.terminal["display"]["text/html"], "<i>");
  EXPECT_EQ(execution.out, "");
}

}  // namespace
}  // namespace replwire_tests
