// What user code does to Python's own modules and functions, and files that have their names, are
// no matter of the session's own machinery.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

bool contains(const Json& text, std::string_view part) {
  return text.get<std::string>().find(part) != std::string::npos;
}

Json ask(ServerProcess& server, Json request) {
  const std::string type = request["type"];
  request["id"] = "question";
  server.send(request);
  return server.read_until(type + "_reply").back();
}

// The whole report of an error, with its place marked where this Python does that.
void check_error(ServerProcess& server) {
  const Json error =
      server.execute("def fail():\n    raise ValueError('important')\nfail()").terminal;
  EXPECT_EQ(error["exception_type"], "ValueError") << error;
  EXPECT_EQ(error["exception_message"], "important") << error;
  ASSERT_EQ(error["frames"].size(), 2u) << error;
  EXPECT_EQ(error["frames"][1]["source"], "    raise ValueError('important')") << error;
  EXPECT_TRUE(contains(error["traceback"], "    raise ValueError('important')\n")) << error;
}

void check_syntax_error(ServerProcess& server) {
  const Json error = server.execute("x = 1\nNone = x").terminal;
  EXPECT_EQ(error["exception_type"], "SyntaxError") << error;
  EXPECT_EQ(error["frames"].back()["source"], "None = x") << error;
}

void check_rich_result(ServerProcess& server) {
  const Execution rich = server.execute(
      "class Rich:\n    def _repr_html_(self): return '<b>', {'isolated': True}\n"
      "    def _repr_pretty_(self, printer, cycle): printer.text('pretty')\n"
      "display(Rich(), display_id='d')\nRich()");
  EXPECT_EQ(rich.terminal["display"], Json({{"text/html", "<b>"}, {"text/plain", "pretty"}}))
      << rich;
  EXPECT_EQ(types_of(rich.frames), (std::vector<std::string>{"display", "result"})) << rich;
}

void check_questions(ServerProcess& server) {
  EXPECT_EQ(ask(server, {{"type", "complete"}, {"code", "Ric"}})["matches"], Json({"Rich"}));
  EXPECT_EQ(ask(server, {{"type", "complete"}, {"code", "import nturl2pa"}})["cursor_start"], 7);
  EXPECT_EQ(ask(server, {{"type", "inspect"}, {"code", "Rich"}, {"source", true}})["found"], true);
  EXPECT_EQ(ask(server, {{"type", "is_complete"}, {"code", "if x:"}})["status"], "incomplete");
  EXPECT_GE(ask(server, {{"type", "variables"}})["total"], 2);
}

void check_interrupt(ServerProcess& server) {
  const Json id = server.start("print('on')\nwhile True: pass");
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
}

void check_all(ServerProcess& server) {
  check_error(server);
  check_syntax_error(server);
  EXPECT_EQ(server.ask("input('name? ')", "Ada").value(), "Ada");
  check_rich_result(server);
  check_questions(server);
  check_interrupt(server);
}

constexpr std::string_view kStudent = "open('ran', 'a').write(__name__ + ' ')\nmine = True\n";

std::vector<std::string> standard_modules() {
  ServerProcess server;
  const Json names = server.execute("import sys; sorted(sys.stdlib_module_names)").value();
  return names.get<std::vector<std::string>>();
}

// CPython 3.13 itself imports linecache for `-c`, and then the file is in its way, not in ours.
bool is_in_pythons_way(const std::string& name) { return name == "linecache"; }

constexpr std::size_t kShards = 8;
class EachStandardModuleTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(EachStandardModuleTest, MayHaveAFileOfItsNameInTheWorkingDirectory) {
  const std::vector<std::string> names = standard_modules();
  ASSERT_GT(names.size(), 250u);
  for (std::size_t i = GetParam(); i < names.size(); i += kShards) {
    if (is_in_pythons_way(names[i])) continue;
    SCOPED_TRACE(names[i]);
    const TempDir folder;
    folder.write(names[i] + ".py", kStudent);
    ServerProcess server(Launch{.cwd = folder.path()});
    check_all(server);
    EXPECT_EQ(read_text(folder.path("ran")), "");
  }
}
INSTANTIATE_TEST_SUITE_P(Shards, EachStandardModuleTest, ::testing::Range(std::size_t{0}, kShards));

TEST(ShadowTest, AllOfThemAtOnceAndTheUserStillGetsHisOwn) {
  const TempDir folder;
  for (const std::string& name : standard_modules()) {
    if (!is_in_pythons_way(name)) folder.write(name + ".py", kStudent);
  }
  ServerProcess server(Launch{.cwd = folder.path()});
  check_all(server);
  EXPECT_EQ(read_text(folder.path("ran")), "");
  EXPECT_EQ(server.execute("import token, enum, textwrap\n[token.mine, enum.mine]").value(),
            Json({true, true}));
  EXPECT_EQ(read_text(folder.path("ran")), "token enum textwrap ");
  check_all(server);
}

TEST(ShadowTest, TheLoopOfTopLevelAwaitIsNotTheStudents) {
  const TempDir folder;
  for (const std::string& name : standard_modules()) {
    if (!is_in_pythons_way(name)) folder.write(name + ".py", kStudent);
  }
  ServerProcess server(Launch{.cwd = folder.path()});
  EXPECT_EQ(server.execute("async def f(): return 5\nawait f()").value(), 5);
  EXPECT_EQ(read_text(folder.path("ran")), "");
}

struct Hostility : Case {
  const char* code;
};

class HostileSessionTest : public ::testing::TestWithParam<Hostility> {};

TEST_P(HostileSessionTest, IsServedAsAnyOther) {
  ServerProcess server;
  server.execute(GetParam().code);
  check_all(server);
}

const Hostility kHostilities[] = {
    {"SysPath", "import sys; sys.path = ['src']"},
    {"SysPathOfNonsense", "import sys; sys.path[:] = [None, 5]"},
    {"SysModulesCleared", "import sys; sys.modules.clear()"},
    {"SysModulesReplaced", "import sys; sys.modules = {}"},
    {"MetaPath", "import sys; sys.meta_path.clear(); sys.path_hooks.clear()"},
    {"Json", "import json\njson.dumps = json.loads = None"},
    {"Os", "import os\nfor name in list(vars(os)): setattr(os, name, None)"},
    {"Posix", "import posix\nfor name in list(vars(posix)): setattr(posix, name, None)"},
    {"Traceback",
     "import traceback\nfor name in list(vars(traceback)): setattr(traceback, name, None)"},
    {"Linecache",
     "import linecache\nfor name in list(vars(linecache)): setattr(linecache, name, None)"},
    {"LinecacheCleared", "import linecache\nlinecache.clearcache()"},
    {"Time", "import time\ntime.monotonic = time.time = time.perf_counter = None"},
    {"Re", "import re\nre.compile = re.match = re.search = None"},
    {"SysAttributes",
     "import sys\nfor name in list(vars(sys)):\n"
     "    if name not in ('stdin', 'stdout', 'stderr', '__stdin__', 'modules', 'path'):\n"
     "        delattr(sys, name)"},
    {"TraceFunction", "import sys\ndef trace(*a): raise RuntimeError\nsys.settrace(trace)"},
    {"ProfileFunction", "import sys\ndef profile(*a): pass\nsys.setprofile(profile)"},
    {"FewCalls", "import sys; sys.setrecursionlimit(40)"},
    {"Globals", "globals().clear()"},
    {"WorkingDirectoryGone",
     "import os, tempfile\nfolder = tempfile.mkdtemp()\nos.chdir(folder)\nos.rmdir(folder)"},
    {"NoDescriptors",
     "import os\nkept = []\ntry:\n    while True: kept.append(os.open('/dev/null', 0))\n"
     "except OSError: pass"},
    {"DescriptorLimit", "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 100))"},
};
INSTANTIATE_TEST_SUITE_P(All, HostileSessionTest, ::testing::ValuesIn(kHostilities), CaseName());

TEST(ShadowTest, EachBuiltInNameMayBeReplaced) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute("B = __builtins__.__dict__\nkept = dict(B)\n"
                           "def bomb(*a, **o): raise RuntimeError('bomb')")
                  .ok());
  const Json names = server
                         .execute(
                             "sorted(n for n in B if callable(B[n]) and n not in "
                             "('__build_class__', 'input', 'display', 'property'))")
                         .value();
  ASSERT_GT(names.size(), 130u);
  for (const std::string name : names) {
    SCOPED_TRACE(name);
    server.execute("B[" + Json(name).dump() + "] = bomb");
    if (name != "ValueError") check_error(server);
    check_syntax_error(server);
    check_rich_result(server);
    check_questions(server);
    server.execute("B[" + Json(name).dump() + "] = kept[" + Json(name).dump() + "]");
  }
}

TEST(ShadowTest, FloatsThatAreNoNumbersNeverSpoilALine) {
  ServerProcess server;  // which fails at a line that is no JSON
  EXPECT_TRUE(server
                  .execute("class F(float):\n    def __repr__(self): return 'nan'\n"
                           "    def __float__(self): return 5.0\n"
                           "class J:\n    def _repr_json_(self): return [F('nan'), F('inf')]\n"
                           "J()")
                  .ok());
  const Execution shown =
      server.execute("display({'application/json': F('nan'), 'text/plain': 'x'}, raw=True)");
  EXPECT_EQ(shown.frames.back()["type"], "result") << shown;
  EXPECT_TRUE(contains(shown.err, "ValueError: nan is no JSON")) << shown;
}

TEST(ShadowTest, NothingLeadsFromAStreamToWhatWritesFrames) {
  ServerProcess server;
  EXPECT_EQ(server
                .execute("import sys\n[f.__self__ for f in (sys.stdout.write, sys.stderr.write, "
                         "input, display, update_display, clear_output)]")
                .value(),
            Json({nullptr, nullptr, nullptr, nullptr, nullptr, nullptr}));
}

TEST(ShadowTest, WhatTheSessionImportsForItselfIsNotInSysModules) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import sys\nbefore = set(sys.modules)").ok());
  check_all(server);
  EXPECT_EQ(server.execute("sorted(set(sys.modules) - before)").repr(), "[]");
}

}  // namespace
}  // namespace replwire_tests
