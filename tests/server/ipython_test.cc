// --ipython: magics, In and Out, hooks and formatters are IPython's; the rest is as without.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <fstream>

#include "support/run_program.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

bool has_ipython() {
  static const bool found = [] {
    ServerProcess server;
    return server.execute("import importlib.util\nimportlib.util.find_spec('IPython') is not None")
               .value() == true;
  }();
  return found;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::vector<Json> of_type(const Execution& execution, std::string_view type) {
  std::vector<Json> frames;
  for (const Json& frame : execution.frames) {
    if (frame["type"] == type) frames.push_back(frame);
  }
  return frames;
}

// An IPYTHONDIR with a folder for start-up files.
struct ProfileDir : TempDir {
  ProfileDir() {
    ::mkdir(path("profile_default").c_str(), 0700);
    ::mkdir(path("profile_default/startup").c_str(), 0700);
  }
};

// Whether with --survive. The folder is the shell's own, and the one that it runs in.
class IPythonSessionTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!has_ipython()) GTEST_SKIP() << "no IPython (python3-ipython)";
    Launch launch = options({"--ipython", "--cwd", folder_.path()});
    if (GetParam()) launch.args.emplace_back("--survive");
    launch.env["IPYTHONDIR"] = folder_.path("ipython");
    server_.emplace(launch);
  }

  ServerProcess& server() { return *server_; }
  Execution execute(std::string_view code, Json extra = Json::object()) {
    return server_->execute(code, std::move(extra));
  }

  TempDir folder_;

 private:
  std::optional<ServerProcess> server_;
};

INSTANTIATE_TEST_SUITE_P(Survive, IPythonSessionTest, ::testing::Bool(), [](const auto& each) {
  return each.param ? "WithSurvive" : "InOneProcess";
});

// ---- what becomes of the code ---------------------------------------------------------------

TEST_P(IPythonSessionTest, MagicsOfLines) {
  EXPECT_TRUE(contains(execute("%timeit -n1 -r1 1 + 1").out, "per loop"));
  EXPECT_TRUE(execute("%load_ext autoreload\n%autoreload 2").ok());
  folder_.write("script.py", "made = 'by the script'\n");
  EXPECT_EQ(execute("%run script.py\nmade").value(), "by the script");
  const Execution moved = execute("%cd -q /\nimport os\nos.getcwd()");
  EXPECT_EQ(moved.value(), "/") << moved;
  EXPECT_EQ(execute("x = %pwd\nx").value(), "/");
}

TEST_P(IPythonSessionTest, MagicsOfCells) {
  const Execution timed = execute("\n%%time\nx = 6\nx * 7");
  EXPECT_TRUE(contains(timed.out, "Wall time")) << timed;
  EXPECT_EQ(timed.value(), 42) << timed;
  const Execution captured = execute("%%capture kept\nprint('inside')\n5");
  EXPECT_EQ(captured.out, "") << captured;
  EXPECT_TRUE(of_type(captured, "display").empty()) << captured;
  EXPECT_EQ(execute("kept.stdout").value(), "inside\n");
  EXPECT_TRUE(execute("%%writefile made.txt\nsome text").ok());
  EXPECT_EQ(execute("open('made.txt').read()").value(), "some text\n");
}

TEST_P(IPythonSessionTest, LinesOfTheShell) {
  const Execution execution = execute("word = 'there'\n!echo hello $word; exit 3\n_exit_code");
  EXPECT_EQ(execution.out, "hello there\n") << execution;
  EXPECT_EQ(execution.value(), 3) << execution;
  EXPECT_EQ(execute("lines = !printf 'a\\nb\\n'\nlist(lines)").value(), Json({"a", "b"}));
}

TEST_P(IPythonSessionTest, HelpIsDisplayed) {
  const Execution told =
      execute("def half(n):\n    'Halves it.'\n    return n / 2\n\nhalf?\nhalf??");
  const std::vector<Json> shown = of_type(told, "display");
  ASSERT_EQ(shown.size(), 2u) << told;
  EXPECT_TRUE(contains(shown[0]["data"]["text/plain"], "Halves it.")) << told;
  EXPECT_TRUE(contains(shown[1]["data"]["text/plain"], "return")) << told;
}

TEST_P(IPythonSessionTest, PlainCodeIsAsItWasSent) {
  const Execution failed = execute("\n\n  # a comment\nx = 1\ny = x / 0", {{"filename", "f.py"}});
  const Json& frames = failed.terminal["frames"];
  ASSERT_EQ(frames.size(), 1u) << failed;
  EXPECT_EQ(frames[0]["line"], 5);
  EXPECT_EQ(frames[0]["source"], "y = x / 0");
  const Execution after = execute("\n\n%pwd\n1 / 0");
  EXPECT_EQ(after.terminal["frames"].back()["line"], 4) << after;
  EXPECT_EQ(execute("    a = 1\n    a + 1", {{"dedent", true}}).value(), 2);
  EXPECT_EQ(execute("x =").exception(), "SyntaxError");
}

TEST_P(IPythonSessionTest, AMagicThatIsNotThereIsAnError) {
  const Execution execution = execute("%nonsense\nprint('not reached')");
  EXPECT_EQ(execution.terminal["reason"], "exception");
  EXPECT_TRUE(contains(execution.exception(), "UsageError")) << execution;
  EXPECT_EQ(execution.terminal["frames"].size(), 1u) << execution;
  EXPECT_EQ(execution.out, "");
}

// ---- values ---------------------------------------------------------------------------------

TEST_P(IPythonSessionTest, InAndOut) {
  EXPECT_EQ(execute("6 * 7").value(), 42);
  EXPECT_EQ(execute("'two'").value(), "two");
  EXPECT_EQ(execute("_1, _2, _, __, Out[1], In[1], _i2").value(),
            Json({42, "two", "two", 42, 42, "6 * 7", "'two'"}));
  EXPECT_EQ(execute("%who").out, "Interactive namespace is empty.\n");
  server().send({{"type", "variables"}, {"id", "v"}});
  EXPECT_EQ(server().read_until("variables_reply").back()["total"], 0);
  EXPECT_TRUE(execute("8;").terminal["repr"].is_null());
  EXPECT_EQ(execute("9", {{"store_history", false}}).value(), 9);
  const Execution next = execute("len(In), 9 in Out.values()");
  EXPECT_EQ(next.value(), Json({7, false})) << next;
  EXPECT_EQ(next.terminal["execution_count"], 6) << next;
}

TEST_P(IPythonSessionTest, TheLastInputsHaveNames) {
  for (const char* code : {"1", "2", "3", "%who\n4"}) execute(code);
  EXPECT_EQ(execute("_i, _ii, _iii, _i1, _i4").value(),
            Json({"%who\n4", "3", "2", "1", "%who\n4"}));
  execute("%reset -f in");
  EXPECT_EQ(execute("_i, _ii, _iii").value(), Json({"", "", ""}));
  execute("%reset -f");
  EXPECT_EQ(execute("_i").value(), "%reset -f");
}

TEST_P(IPythonSessionTest, TheShellKnowsWhatHasEndedHow) {
  execute("shell = get_ipython()");
  execute("'text'");
  EXPECT_EQ(execute("shell.last_execution_result.result, shell.last_execution_succeeded").value(),
            Json({"text", true}));
  execute("1 / 0");
  EXPECT_EQ(execute("type(shell.last_execution_result.error_in_exec).__name__, "
                    "shell.last_execution_succeeded")
                .value(),
            Json({"ZeroDivisionError", false}));
  execute("seen = []\nshell.observe(lambda change: seen.append(change.new), 'execution_count')");
  execute("'counted'");
  EXPECT_EQ(execute("8 in seen and shell.execution_count in seen").value(), true);
  execute("shell.unobserve_all()\nshell.observe(lambda change: seen.append(change.name))");
  execute("'counted'");
  EXPECT_EQ(execute("'last_execution_result' in seen").value(), true);
}

// IPython is asked where the code is Python only if it may make something else of it.
TEST_P(IPythonSessionTest, TransformationsOfUserCodeApplyToPythonToo) {
  execute(
      "def shout(lines): return [line.replace('quiet', 'loud') for line in lines]\n"
      "manager = get_ipython().input_transformer_manager");
  for (const char* list : {"manager.line_transforms", "manager.cleanup_transforms",
                           "get_ipython().input_transformers_post"}) {
    execute(std::string(list) + ".append(shout)");
    EXPECT_EQ(execute("'quiet'").value(), "loud") << list;
    execute(std::string(list) + ".remove(shout)");
    EXPECT_EQ(execute("'quiet'").value(), "quiet") << list;
  }
}

TEST_P(IPythonSessionTest, ALineThatIsPythonMayBeACommand) {
  execute("run = 'a variable'");
  EXPECT_EQ(execute("run").value(), "a variable");
  execute("del run");
  EXPECT_TRUE(contains(execute("pwd").repr(), folder_.path()));
  execute("made = 1");
  execute("%macro -q again 5");
  execute("made = 2");
  execute("again");
  EXPECT_EQ(execute("made").value(), 1);
  execute("%autocall 1");
  EXPECT_EQ(execute("len 'abc'").value(), 3);
  execute("%autocall 0");
  EXPECT_EQ(execute("In [1]: 1+1").value(), 2);
  EXPECT_EQ(execute("x = 1\n...: x + 1").value(), 2);
  EXPECT_EQ(execute(">>> x + 2").value(), 3);
  EXPECT_EQ(execute("\n\n1 / 0").terminal["frames"].back()["line"], 3);
}

TEST_P(IPythonSessionTest, FormattersOfPlainValuesAreAsked) {
  const auto shown = [this](const char* code) {
    const Json told = execute(code).terminal;
    return told.contains("display") ? told["display"] : Json::object();
  };
  EXPECT_EQ(shown("5"), Json::object());
  execute(
      "shell = get_ipython().display_formatter\n"
      "html = shell.formatters['text/html']\n"
      "html.for_type(int, lambda n: f'<i>{n}</i>')");
  EXPECT_EQ(shown("5")["text/html"], "<i>5</i>");
  EXPECT_EQ(shown("True")["text/html"], "<i>True</i>");
  EXPECT_EQ(shown("'5'"), Json::object());
  execute("html.pop(int)");
  EXPECT_EQ(shown("5"), Json::object());
  execute("html.for_type_by_name('builtins', 'str', lambda s: f'<b>{s}</b>')");
  EXPECT_EQ(shown("'5'")["text/html"], "<b>5</b>");
  execute("html.pop(str)");
  execute("%precision 2");
  EXPECT_EQ(shown("3.14159")["text/plain"], "3.14");
  execute("%precision");
  EXPECT_EQ(shown("3.14159"), Json::object());
  execute("shell.formatters['text/plain'].for_type(int, lambda n, p, cycle: p.text('number'))");
  EXPECT_EQ(shown("5")["text/plain"], "number");
  execute("shell.formatters['text/x-own'] = lambda value: None");
  EXPECT_TRUE(execute("5").ok());
  const Execution unhashable =
      execute("class Meta(type): __hash__ = None\nclass Odd(metaclass=Meta): pass\nOdd()");
  EXPECT_TRUE(unhashable.ok()) << unhashable;
  execute("shell.formatters['text/plain'] = lambda value: 'anything'");
  EXPECT_EQ(shown("'5'")["text/plain"], "anything");
  execute(
      "from IPython.core.formatters import DisplayFormatter\n"
      "class Own(DisplayFormatter):\n"
      "    def format(self, obj, **options): return {'text/plain': 'own'}, {}\n"
      "get_ipython().display_formatter = Own()");
  EXPECT_EQ(shown("'5'")["text/plain"], "own");
}

TEST_P(IPythonSessionTest, FormattersAreAsked) {
  const Execution execution = execute(
      "class Coin:\n    def __repr__(self): return 'Coin()'\n"
      "shell = get_ipython()\n"
      "shell.display_formatter.formatters['text/html'].for_type(Coin, lambda c: '<b>coin</b>')\n"
      "display(Coin())\nCoin()");
  const Json forms = {{"text/html", "<b>coin</b>"}, {"text/plain", "Coin()"}};
  EXPECT_EQ(execution.terminal["display"], forms) << execution;
  const std::vector<Json> shown = of_type(execution, "display");
  ASSERT_EQ(shown.size(), 1u) << execution;
  EXPECT_EQ(shown[0]["data"], forms);
  EXPECT_FALSE(execute("[1, 2]").terminal.contains("display"));
  const Execution rounded = execute("%precision 2\n1 / 3");
  EXPECT_EQ(rounded.terminal["display"]["text/plain"], "0.33") << rounded;
}

TEST_P(IPythonSessionTest, HooksAreCalled) {
  execute(
      "seen = []\nevents = get_ipython().events\n"
      "events.register('pre_run_cell', lambda info: seen.append(info.raw_cell))\n"
      "events.register('post_run_cell', lambda done: seen.append((done.result, done.success)))");
  execute("6 * 7");
  EXPECT_EQ(execute("1 / 0").exception(), "ZeroDivisionError");
  execute("silent = 1", {{"silent", true}});
  EXPECT_EQ(execute("seen[1:]").value(),
            Json({"6 * 7", {42, true}, "1 / 0", {nullptr, false}, "seen[1:]"}));
  const Execution failing =
      execute("events.register('post_run_cell', lambda done: 1 / 0)\nprint('runs')\n3");
  EXPECT_EQ(failing.value(), 3) << failing;
  EXPECT_TRUE(contains(failing.err, "ZeroDivisionError")) << failing;
}

// ---- what stays the session's ---------------------------------------------------------------

TEST_P(IPythonSessionTest, InputIsAsked) {
  EXPECT_EQ(server().ask("%time name = input('Who? ')\nname", "Ada").value(), "Ada");
}

TEST_P(IPythonSessionTest, InterruptsEndMagicsToo) {
  for (const char* code :
       {"%%time\nprint('runs')\nwhile True: pass", "%%capture\nimport time\ntime.sleep(600)",
        "%time __import__('time').sleep(600)", "!echo runs; sleep 600\nprint('not reached')",
        "lines = !sleep 600\nprint('not reached')"}) {
    const Json id = server().start(code, {{"notify_start", true}});
    server().read_until([&](const Json& frame) { return frame["type"] == "started"; });
    server().interrupt(id);
    const Execution execution = server().finish(id);
    EXPECT_EQ(execution.terminal["reason"], "interrupt") << code << execution;
    EXPECT_FALSE(contains(execution.out, "not reached")) << execution;
  }
  EXPECT_EQ(execute("6 * 7").value(), 42);
}

TEST_P(IPythonSessionTest, ErrorsInMagicsEndTheExecution) {
  EXPECT_EQ(execute("%%time\n1 / 0").exception(), "ZeroDivisionError");
  folder_.write("bad.py", "def broken():\n    return {}['key']\nbroken()\n");
  const Execution execution = execute("%run bad.py\nprint('not reached')");
  EXPECT_EQ(execution.exception(), "KeyError") << execution;
  EXPECT_EQ(execution.terminal["frames"].back()["function"], "broken");
  EXPECT_EQ(execution.out, "");
  EXPECT_EQ(execute("exit(3)").terminal["reason"], "exit");
}

TEST_P(IPythonSessionTest, CodeAwaits) {
  EXPECT_EQ(execute("import asyncio\nawait asyncio.sleep(0, 'awaited')").value(), "awaited");
}

TEST_P(IPythonSessionTest, TheDebuggerAsksTheClient) {
  execute("def fall(depth):\n    return 1 / depth\n\nfall(0)");
  const Json id = server().start("%debug");
  const Json asked = server().await_input();
  EXPECT_TRUE(contains(asked["prompt"], "ipdb>")) << asked;
  server().answer("p depth");
  server().await_input();
  server().answer("q");
  EXPECT_TRUE(contains(server().finish(id).out, "0\n"));
}

TEST_P(IPythonSessionTest, ResetEmptiesIt) {
  execute("x = 1\nx");
  server().send({{"type", "reset"}, {"id", "r"}});
  server().read_until("reset_reply");
  const Execution execution = execute("len(In), dict(Out), 'x' in globals()");
  EXPECT_EQ(execution.value(), Json({3, Json::object(), false})) << execution;
  EXPECT_TRUE(contains(execute("%pwd").repr(), "/"));
}

TEST_P(IPythonSessionTest, QuestionsAboutCodeKnowIt) {
  server().send({{"type", "is_complete"}, {"id", "i"}, {"code", "%timeit 1"}});
  EXPECT_EQ(server().read_until("is_complete_reply").back()["status"], "complete");
  server().send({{"type", "complete"}, {"id", "c"}, {"code", "%time"}});
  const Json matches = server().read_until("complete_reply").back()["matches"];
  EXPECT_EQ(matches, Json({"time", "timeit"}));
}

TEST_P(IPythonSessionTest, ACrashCostsOneExecution) {
  if (!GetParam()) GTEST_SKIP() << "without --survive";
  EXPECT_EQ(execute("%time x = 42\nx").value(), 42);
  EXPECT_EQ(execute("import os\nos.abort()").terminal["reason"], "crash");
  EXPECT_EQ(execute("x, _1, Out[1], In[1]").value(),
            Json({42, 42, 42, "get_ipython().run_line_magic('time', 'x = 42')\nx"}));
}

// ---- the option -----------------------------------------------------------------------------

TEST(IPythonOptionTest, ReadsItsConfiguration) {
  if (!has_ipython()) GTEST_SKIP() << "no IPython (python3-ipython)";
  ProfileDir folder;
  folder.write("profile_default/ipython_config.py",
               "c.InteractiveShellApp.exec_lines = ['from_config = 1']\n"
               "c.InteractiveShell.autocall = 2\n"
               "c.HTMLFormatter.type_printers = {float: lambda value: f'<b>{value}</b>'}\n"
               "c.PlainTextFormatter.type_printers = {int: lambda value, p, cycle: p.text('N')}\n");
  folder.write("profile_default/startup/00.ipy", "from_startup = %pwd\n");
  Launch launch = options({"--ipython"});
  launch.env["IPYTHONDIR"] = folder.path();
  ServerProcess server(launch);
  EXPECT_EQ(server.execute("from_config, from_startup != ''").value(), Json({1, true}));
  EXPECT_EQ(server.execute("1.5").terminal["display"]["text/html"], "<b>1.5</b>");
  EXPECT_EQ(server.execute("7").terminal["display"]["text/plain"], "N");
  server.execute("def called(*values): return [*values]");
  EXPECT_EQ(server.execute("called").value(), Json::array());
}

TEST(IPythonOptionTest, WithoutIPythonItIsALineOrNothing) {
  TempDir folder;
  folder.write("IPython.py", "raise ImportError('broken')\n");
  Launch broken = options({"--ipython"});
  broken.env["PYTHONPATH"] = folder.path();
  const ProgramRun run = run_program(broken);
  EXPECT_EQ(run.status, 2);
  EXPECT_TRUE(contains(run.err, "replwire: --ipython: IPython cannot be loaded")) << run.err;
  const ProgramRun none = run_program(options({"--ipython", "always", "--", "-I", "-S"}));
  EXPECT_EQ(none.status, 2);
  EXPECT_TRUE(contains(none.err, "--ipython: this Python has no IPython: ")) << none.err;
  ServerProcess server(options({"--ipython", "auto", "--", "-I", "-S"}));
  EXPECT_EQ(server.execute("6 * 7").value(), 42);
  const Execution magic = server.execute("%pwd");
  EXPECT_EQ(magic.exception(), "SyntaxError");
  EXPECT_TRUE(contains(magic.terminal["notes"].dump(), "--ipython")) << magic;
}

// `auto` loads it behind `ready`: whether with --survive.
class LateIPythonTest : public ::testing::TestWithParam<bool> {
 protected:
  static Launch launch() {
    Launch launch = options({"--ipython", "auto"});
    if (GetParam()) launch.args.emplace_back("--survive");
    return launch;
  }
};

INSTANTIATE_TEST_SUITE_P(Survive, LateIPythonTest, ::testing::Bool(), [](const auto& each) {
  return each.param ? "WithSurvive" : "InOneProcess";
});

TEST_P(LateIPythonTest, ExecutionsWaitForItAndTheirTimeDoesNotRun) {
  TempDir folder;
  ASSERT_EQ(::mkfifo(folder.path("may_go_on").c_str(), 0600), 0);
  folder.write("IPython.py", "open('" + folder.path("may_go_on") + "').read()\n" +
                                 "raise ImportError('broken')\n");
  Launch slow = launch();
  slow.env["PYTHONPATH"] = folder.path();
  ServerProcess server(slow);
  server.send({{"type", "execute"}, {"id", "a"}, {"code", "6 * 7"}, {"timeout", 0.05}});
  server.send({{"type", "status"}, {"id", "s"}});
  const Json status = server.read_until("status_reply").back();
  EXPECT_EQ(status["state"], "busy");
  EXPECT_EQ(status["queued"], 1);
  std::ofstream(folder.path("may_go_on")).close();  // waits for its reader
  const std::vector<Json> frames = server.read_until("result");
  EXPECT_EQ(frames.back()["value"], 42) << frames.back();
  EXPECT_EQ(output_text(frames, "stderr"),
            "replwire: IPython cannot be loaded: ImportError: broken\n"
            "The session goes on without it.\n");
  const Execution second = server.execute("display('shown')");
  EXPECT_EQ(second.err, "");
  EXPECT_EQ(of_type(second, "display").size(), 1);
}

TEST_P(LateIPythonTest, QuestionsAboutCodeWaitForIt) {
  if (!has_ipython()) GTEST_SKIP() << "no IPython (python3-ipython)";
  ServerProcess server(launch());
  server.send({{"type", "is_complete"}, {"id", "i"}, {"code", "%time x"}});
  EXPECT_EQ(server.read_until("is_complete_reply").back()["status"], "complete");
}

TEST_P(LateIPythonTest, NobodyIsAskedMeanwhile) {
  if (!has_ipython()) GTEST_SKIP() << "no IPython (python3-ipython)";
  ProfileDir folder;
  folder.write("profile_default/startup/00.py",
               "try: input('name? ')\nexcept RuntimeError as error: told = str(error)\n");
  Launch asking = launch();
  asking.env["IPYTHONDIR"] = folder.path();
  ServerProcess server(asking);
  EXPECT_EQ(server.execute("told").value(), "input() cannot ask before the session has started");
}

// The session is as one without it.
TEST_P(LateIPythonTest, WhatAnIPythonThatFailsHasLeftIsTakenBack) {
  if (!has_ipython()) GTEST_SKIP() << "no IPython (python3-ipython)";
  for (const char* step : {"init_io", "init_magics", "init_payload"}) {
    TempDir folder;
    folder.write("sitecustomize.py",
                 "from IPython.core.interactiveshell import InteractiveShell\n"
                 "def fail(self): raise RuntimeError('broken')\n"
                 "InteractiveShell." +
                     std::string(step) + " = fail\n");
    Launch broken = launch();
    broken.env["PYTHONPATH"] = folder.path();
    ServerProcess server(broken);
    const Execution first = server.execute("[each for each in globals() if each[:2] != '__']");
    EXPECT_EQ(first.value(), Json::array());
    EXPECT_TRUE(contains(first.err, "IPython cannot be loaded: RuntimeError: broken")) << step;
    EXPECT_EQ(server.execute("_").value(), Json::array());
    EXPECT_EQ(server.execute("import builtins\nhasattr(builtins, 'get_ipython')").value(), false);
    EXPECT_EQ(of_type(server.execute("display('shown')"), "display").size(), 1);
    const char* const imported = "from IPython.display import display as other\nother('shown')";
    EXPECT_EQ(of_type(server.execute(imported), "display").size(), 1);
  }
}

TEST_P(LateIPythonTest, AStartUpFileFindsIt) {
  if (!has_ipython()) GTEST_SKIP() << "no IPython (python3-ipython)";
  TempDir folder;
  folder.write("startup.py", "found = get_ipython().user_ns is globals()\n");
  Launch with_file = launch();
  with_file.args.insert(with_file.args.end(), {"--startup", folder.path("startup.py")});
  ServerProcess server(with_file);
  EXPECT_EQ(server.execute("found").value(), true);
}

// A handler like that of IPython's own, with or without a history whose thread it has to stop.
TEST(IPythonForkTest, ItsHandlerIsAskedWhereThereIsAThreadToStop) {
  ServerProcess server;
  server.execute(
      "import os, weakref\n"
      "class Histories:\n"
      "    _instances = weakref.WeakSet()\n"
      "    asked = 0\n"
      "    @classmethod\n"
      "    def stop(cls): cls.asked += 1\n"
      "Histories.stop.__func__.__module__ = 'IPython.core.history'\n"
      "os.register_at_fork(before=Histories.stop)\n"
      "def fork():\n"
      "    if (child := os.fork()) == 0: os._exit(0)\n"
      "    os.waitpid(child, 0)\n"
      "    return Histories.asked");
  EXPECT_EQ(server.execute("fork()").value(), 0);
  EXPECT_EQ(server
                .execute("class History: pass\nkept = History()\n"
                         "Histories._instances.add(kept)\nfork()")
                .value(),
            1);
  EXPECT_EQ(server.execute("Histories._instances = 'something else'\nfork()").value(), 2);
}

TEST_P(LateIPythonTest, WhatIsNoPythonAtFirstWarnsOnce) {
  if (!has_ipython()) GTEST_SKIP() << "no IPython (python3-ipython)";
  ServerProcess server(launch());
  server.execute("import warnings\nwarnings.simplefilter('always')\ndef f(*words): print(words)");
  const Execution run = server.execute("print('\\d')\n,f a b");
  EXPECT_EQ(run.out, "\\d\n('a', 'b')\n") << run;
  const std::size_t first = run.err.find("invalid escape sequence");
  EXPECT_NE(first, run.err.npos) << run;
  EXPECT_EQ(run.err.find("invalid escape sequence", first + 1), run.err.npos) << run;
}

TEST(LateIPythonSurvivalTest, APythonThatIsStartedAnewHasIt) {
  if (!has_ipython()) GTEST_SKIP() << "no IPython (python3-ipython)";
  ServerProcess server(options({"--ipython", "auto", "--survive", "--snapshot-limit", "0"}));
  EXPECT_EQ(server.execute("%time kept = 1\nlen(In)").value(), 2);
  EXPECT_EQ(server.execute("import os\nos._exit(1)").terminal["reason"], "crash");
  EXPECT_EQ(server.execute("%time again = 1\n'kept' in globals()").value(), false);
}

}  // namespace
}  // namespace replwire_tests
