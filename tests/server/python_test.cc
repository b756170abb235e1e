// --python, VIRTUAL_ENV and the switches behind `--`: the session runs in the Python that they
// name, as that Python would be by hand.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "support/run_program.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr const char* kSystem = "/usr/bin/python3";

// All that a Python tells of its environment.
constexpr const char* kFields = R"(
import os, site, sys
fields = {name: getattr(sys, name) for name in (
    'executable', '_base_executable', 'prefix', 'base_prefix', 'exec_prefix', 'base_exec_prefix', 'path',
    'argv', 'orig_argv', 'version', 'warnoptions', '_xoptions', 'dont_write_bytecode', 'platlibdir',
    'pycache_prefix')}
fields['flags'] = str(sys.flags)
fields['implementation'] = sys.implementation.name
fields['encoding'] = [sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.getrecursionlimit()]
fields['site'] = [site.ENABLE_USER_SITE, site.USER_SITE, site.USER_BASE, site.PREFIXES]
fields['variables'] = {name: value for name, value in os.environ.items() if name.startswith('PYTHON')}
of_a_file = ('__file__', '__cached__')  # the standard input that Python by hand is given
fields['main'] = sorted(name for name in dir() if name.startswith('_') and name not in of_a_file)
fields['own modules'] = [name for name in sys.modules if 'replwire' in name]
fields['frames'] = [sys._getframe().f_back is None]
)";

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char letter : text) out += letter == '\'' ? "'\\''" : std::string(1, letter);
  return out + "'";
}

// What the tests start a server without.
const std::string kSurroundings =
    "for n in $(env | grep -oE '^(PYTHON|LC_)[A-Z_]*') COLUMNS LINES LANG LANGUAGE; do unset $n; "
    "done; ";

// What the command prints; it must succeed.
std::string shell(const std::string& command, const std::string& input = "") {
  TempDir directory;
  const std::string in = directory.write("in", input);
  const std::string all = "( " + command + " ) < " + in + " > " + directory.path("out");
  EXPECT_EQ(::system(all.c_str()), 0) << all;
  return read_text(directory.path("out"));
}

// A venv's python3 with an odd name or place; `options` go to `python -m venv`.
std::string make_venv(const std::string& folder, const std::string& options = "",
                      const std::string& python = kSystem) {
  shell(quoted(python) + " -m venv --without-pip " + options + " " + quoted(folder));
  return folder + "/bin/python3";
}

Json by_hand(const std::string& python, const Words& switches, const std::string& setup = "") {
  std::string command = kSurroundings + setup + " " + quoted(python);
  for (const std::string& each : switches) command += " " + quoted(each);
  return Json::parse(
      shell(command, std::string(kFields) + "import json\nprint(json.dumps(fields))"));
}

Launch in_python(const std::string& python, const Words& switches = {}, Words options = {}) {
  options.insert(options.end(), {"--python", python});
  if (!switches.empty()) options.push_back("--");
  options.insert(options.end(), switches.begin(), switches.end());
  return {.args = std::move(options)};
}

Json of_session(const Launch& launch) {
  ServerProcess server(launch);
  EXPECT_TRUE(server.execute(kFields).ok());
  return server.execute("fields").value();
}

void expect_equal(const Json& fields, const Json& expected, const std::string& where) {
  for (const auto& [name, value] : expected.items()) {
    EXPECT_EQ(fields[name], value) << name << ", " << where;
  }
}

const std::vector<Words> kWays = {{"--prefer", "embedded"}, {"--prefer", "exec"}};

// Where both ways are possible, both are compared.
void expect_same(const std::string& python, const Words& switches = {}) {
  const Json expected = by_hand(python, switches);
  for (const Words& way : kWays) {
    expect_equal(of_session(in_python(python, switches, way)), expected, python + " " + way.back());
  }
}

// The interpreters that this machine has of a version from 3.10 on; one that is missing is named.
class EveryPythonTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string version = GetParam();
    if (version == "system") {
      python_ = kSystem;
    } else if (const char* home = std::getenv("HOME")) {
      for (const auto& each : folders(fs::path(home) / ".pyenv/versions")) {
        if (each.filename().string().starts_with(version + ".")) python_ = each / "bin/python3";
      }
    }
    if (python_.empty()) {
      std::cout << "missing: CPython " << version << " (~/.pyenv/versions)\n";
      GTEST_SKIP() << "no CPython " << version;
    }
  }

  static std::vector<fs::path> folders(const fs::path& parent) {
    std::error_code error;
    std::vector<fs::path> found;
    for (const auto& each : fs::directory_iterator(parent, error)) found.push_back(each.path());
    return found;
  }

  std::string python_;
};

TEST_P(EveryPythonTest, IsAsByHand) { expect_same(python_); }

TEST_P(EveryPythonTest, TakesItsSwitches) {
  expect_same(python_, {"-X", "dev", "-W", "error"});
  expect_same(python_, {"-IO", "-Xutf8"});
  expect_same(python_, {"-sB", "-S"});
}

TEST_P(EveryPythonTest, ItsVenvIsAsByHand) {
  TempDir directory;
  expect_same(make_venv(directory.path("venv"), "", python_));
}

TEST_P(EveryPythonTest, ForksWithoutAWordOfTheServersThreads) {
  ServerProcess server(in_python(python_, {"-W", "error"}, {"--prefer", "exec"}));
  const Execution alone = server.execute(
      "import os\nchild = os.fork()\nif child == 0: os._exit(7)\n"
      "os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])");
  EXPECT_EQ(alone.value(), 7) << alone;
}

TEST_P(EveryPythonTest, TellsTheLinesOfATracebackAsTheyStand) {
  ServerProcess server(in_python(python_, {}, {"--prefer", "exec"}));
  const Json frame = server.execute("def f():\n    return 1 / 0\nf()").terminal["frames"].back();
  EXPECT_EQ(frame["source"], "    return 1 / 0");
}

TEST_P(EveryPythonTest, OneFileNameTwiceEachTracebackShowsItsOwnSource) {
  ServerProcess server(in_python(python_, {}, {"--prefer", "exec"}));
  const Json place{{"filename", "same.py"}};
  ASSERT_TRUE(server.execute("def f(): raise ValueError('from the first')", place).ok());
  ASSERT_TRUE(server.execute("def g(): raise KeyError('from the second')", place).ok());
  const Json first = server.execute("f()").terminal["frames"].back();
  EXPECT_EQ(first["source"], "def f(): raise ValueError('from the first')");
  const Json second = server.execute("g()").terminal["frames"].back();
  EXPECT_EQ(second["source"], "def g(): raise KeyError('from the second')");
}

TEST_P(EveryPythonTest, RunsASession) {
  ServerProcess server(in_python(python_, {}, {"--prefer", "exec"}));
  EXPECT_EQ(server.ready()["python"]["executable"], python_);
  EXPECT_EQ(server.ready()["pid"], server.pid());
  EXPECT_EQ(server.ask("input('name? ')", "Ada").value(), "Ada");
  const Json id = server.start("import time\nprint('sleeps', flush=True)\ntime.sleep(60)");
  server.read_line();
  EXPECT_EQ(server.interrupt(id)["outcome"], "delivered");
  EXPECT_EQ(server.finish(id).terminal["reason"], "interrupt");
  const Execution spawned = server.execute(
      "import math, multiprocessing\n"
      "with multiprocessing.get_context('spawn').Pool(1) as pool: got = pool.map(math.sqrt, [4])\n"
      "got");
  EXPECT_EQ(spawned.value(), Json::array({2.0})) << spawned;
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
  EXPECT_EQ(server.stderr_text(), "");
}

INSTANTIATE_TEST_SUITE_P(Versions, EveryPythonTest,
                         ::testing::Values("system", "3.10", "3.11", "3.12", "3.13", "3.14"));

TEST(PythonTest, OneEnvironmentWithCopiesOfThePython) {
  TempDir directory;
  expect_same(make_venv(directory.path("venv"), "--copies"));
}

TEST(PythonTest, OneEnvironmentThatSeesThePackagesOfTheSystem) {
  TempDir directory;
  expect_same(make_venv(directory.path("venv"), "--system-site-packages"));
}

TEST(PythonTest, OneEnvironmentMadeByVirtualenv) {
  TempDir directory;
  const std::string venv = directory.path("venv");
  if (::system("command -v virtualenv > /dev/null") != 0) GTEST_SKIP() << "missing: virtualenv";
  shell(std::string("virtualenv --quiet --no-seed --python ") + kSystem + " " + quoted(venv) +
        " >&2");
  expect_same(venv + "/bin/python3");
}

TEST(PythonTest, OnePathWithSpacesAndLetters) {
  TempDir directory;
  expect_same(make_venv(directory.path("my größte 環境")));
}

TEST(PythonTest, OneEnvironmentThatWasMoved) {
  TempDir directory;
  make_venv(directory.path("before"));
  fs::rename(directory.path("before"), directory.path("after"));
  expect_same(directory.path("after") + "/bin/python3");
}

TEST(PythonTest, AFolderIsItsEnvironment) {
  TempDir directory;
  const std::string venv = directory.path("venv");
  const Json expected = by_hand(make_venv(venv), {});
  for (const Words& way : kWays) {
    expect_equal(of_session(in_python(venv, {}, way)), expected, way.back());
    expect_equal(of_session(in_python(venv + "/", {}, way)), expected, way.back());
  }
}

TEST(PythonTest, ARelativePathIsThatOfTheFolderItWasStartedIn) {
  TempDir directory;
  make_venv(directory.path("venv"));
  for (const Words& way : kWays) {
    Launch launch = in_python("venv/bin/python3", {}, way);
    launch.cwd = directory.path();
    launch.args.insert(launch.args.begin(), {"--cwd", "venv"});
    ServerProcess server(launch);
    EXPECT_EQ(server.execute("import sys, os\n[sys.prefix, os.getcwd()]").value(),
              Json::array({directory.path("venv"), directory.path("venv")}));
  }
}

// A wheel that is made on the spot, installed and imported.
constexpr const char* kPip = R"(
import subprocess, sys, zipfile
with zipfile.ZipFile('found-1-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('found.py', '')
    wheel.writestr('found-1.dist-info/METADATA', 'Metadata-Version: 2.1\nName: found\nVersion: 1\n')
    wheel.writestr('found-1.dist-info/WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
    wheel.writestr('found-1.dist-info/RECORD', '')
pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', 'install', '--no-index']
subprocess.run([*pip, '--force-reinstall', './found-1-py3-none-any.whl'], check=True, stdout=subprocess.DEVNULL)
import found
found.__file__.startswith(sys.prefix + '/lib/'))";

TEST(PythonTest, PipInstallsForTheSession) {
  TempDir directory;
  const std::string venv = directory.path("venv");
  shell(std::string(kSystem) + " -m venv " + quoted(venv));
  for (const Words& way : kWays) {
    Launch launch = in_python(venv, {}, way);
    launch.cwd = directory.path();
    ServerProcess server(launch);
    const Execution execution = server.execute(kPip);
    EXPECT_EQ(execution.value(), true) << execution;
  }
}

TEST(PythonTest, ANameIsLookedForOnPath) {
  TempDir directory;
  make_venv(directory.path("venv"));
  fs::create_symlink("python3", directory.path("venv/bin/python-of-mine"));
  const std::string path = directory.path("venv/bin") + ":/usr/bin:/bin";
  const Json expected = by_hand("python-of-mine", {}, "PATH=" + path);
  for (const Words& way : kWays) {
    Launch launch = in_python("python-of-mine", {}, way);
    launch.env = {{"PATH", path}};
    expect_equal(of_session(launch), expected, way.back());
  }
}

TEST(PythonTest, VirtualEnvIsTakenWithoutTheOption) {
  TempDir directory;
  const std::string venv = directory.path("venv");
  const Json expected = by_hand(make_venv(venv), {});
  for (const Words& way : kWays) {
    expect_equal(of_session({.args = way, .env = {{"VIRTUAL_ENV", venv}}}), expected, way.back());
  }
}

// --python, VIRTUAL_ENV, CONDA_PREFIX, a .venv here or above, the program's own: each comes before
// those behind it.
TEST(PythonTest, OneRuleSaysWhichPython) {
  TempDir directory;
  std::map<std::string, std::string> venvs;
  for (const char* name : {"asked", "active", "conda", ".venv"}) {
    venvs[name] = directory.path(name);
    make_venv(venvs[name]);
  }
  std::filesystem::create_directories(directory.path("a/b"));
  const auto prefix = [&](Launch launch) {
    launch.cwd = directory.path("a/b");
    ServerProcess server(launch);
    return server.execute("import sys\nsys.prefix").value();
  };
  const std::string conda = venvs["conda"];
  EXPECT_EQ(prefix({.args = {"--python", venvs["asked"]},
                    .env = {{"VIRTUAL_ENV", venvs["active"]}, {"CONDA_PREFIX", conda}}}),
            venvs["asked"]);
  EXPECT_EQ(prefix({.env = {{"VIRTUAL_ENV", venvs["active"]}, {"CONDA_PREFIX", conda}}}),
            venvs["active"]);
  EXPECT_EQ(prefix({.env = {{"CONDA_PREFIX", conda}}}), conda);
  EXPECT_EQ(prefix({.env = {{"CONDA_PREFIX", directory.path("a")}}}), venvs[".venv"])
      << "a conda environment without a Python";
  EXPECT_EQ(prefix({}), venvs[".venv"]);
  EXPECT_EQ(prefix({.args = {"--cwd", "/"}}), by_hand(kSystem, {})["prefix"])
      << "the session's folder counts";
}

TEST(PythonTest, VariablesAndUserSiteAreHonoured) {
  TempDir directory;
  const std::string setup = "PYTHONPATH=/odd PYTHONUSERBASE=" + directory.path() +
                            " PYTHONOPTIMIZE=1 PYTHONWARNINGS=ignore";
  const Json expected = by_hand(kSystem, {}, setup);
  for (const Words& way : kWays) {
    Launch launch = in_python(kSystem, {}, way);
    launch.env = {{"PYTHONPATH", "/odd"},
                  {"PYTHONUSERBASE", directory.path()},
                  {"PYTHONOPTIMIZE", "1"},
                  {"PYTHONWARNINGS", "ignore"}};
    expect_equal(of_session(launch), expected, way.back());
  }
}

TEST(PythonTest, WhatReadsAndPrintsAtStartDoesNotTouchTheWire) {
  TempDir directory;
  const std::string python = make_venv(directory.path("venv"));
  for (const auto& each : fs::directory_iterator(directory.path("venv/lib"))) {
    std::ofstream(each.path() / "site-packages/loud.pth")
        << "import os, sys; print('loud'); os.write(1, b'{}\\n'); os.write(2, b'x'); "
           "sys.stdin.read(); os.read(0, 100)\n";
  }
  for (const Words& way : kWays) {
    ServerProcess server(in_python(python, {}, way));  // whose first frame is `ready`
    EXPECT_EQ(server.execute("1 + 1").value(), 2);
    server.close_stdin();
    EXPECT_EQ(server.wait_exit(), 0);
  }
}

TEST(PythonTest, TheLogSaysWhichOneAndWhy) {
  TempDir directory;
  const std::string log = directory.path("log");
  for (const Words& way : kWays) {
    ServerProcess server(in_python(kSystem, {}, {"--log", log, "--prefer", way.back()}));
    server.close_stdin();
    EXPECT_EQ(server.wait_exit(), 0);
  }
  const std::string text = read_text(log);
  for (const char* words : {"/usr/bin/python3, because of --python /usr/bin/python3",
                            "embedded, because --prefer embedded says so",
                            "by exec, because the interpreter itself is faster"}) {
    EXPECT_NE(text.find(words), std::string::npos) << words << "\n" << text;
  }
}

void expect_refused(const Launch& launch, const std::string& words) {
  const ProgramRun run = run_program(launch, "{\"type\":\"execute\",\"code\":\"1\"}\n");
  EXPECT_EQ(run.status, 2) << run.err;
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
  EXPECT_NE(run.err.find(words), std::string::npos) << run.err;
}

// A file that says it is a Python, and tells the session's first code what it is.
std::string pretend(const TempDir& directory, const std::string& python, const std::string& lie) {
  const std::string file =
      directory.write("python3", "#!/bin/sh\nshift\ncode=$1\nshift\nexec " + quoted(python) +
                                     " -c \"import sys; " + lie + "\n$code\" \"$@\"\n");
  fs::permissions(file, fs::perms::owner_all);
  return file;
}

TEST(RefusedPythonTest, WhatIsNoPython) {
  TempDir directory;
  const std::string text = directory.write("python3", "nonsense\n");
  expect_refused(in_python("/no/such/python"), "does not exist");
  expect_refused(in_python("no-such-python"), "nor such a program on PATH");
  expect_refused(in_python("/bin/ls"), "is not Python");
  expect_refused(in_python(directory.path()), "folder without bin/python3");
  expect_refused(in_python(text), "is not an executable file");
  fs::permissions(text, fs::perms::owner_all);
  expect_refused(in_python(text), "cannot be run");
  expect_refused({.env = {{"VIRTUAL_ENV", "/no/such/venv"}}},
                 "VIRTUAL_ENV=/no/such/venv: does not");
}

TEST(PythonTest, AProgramThatNeverSaysItsVersionIsRefused) {
  const TempDir folder;
  const std::string file = folder.write("slow", "#!/bin/sh\nexec sleep 1000\n");
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  expect_refused(in_python(file), "is not Python");
}

TEST(RefusedPythonTest, OneThatWillNotDo) {
  TempDir directory;
  expect_refused(in_python(pretend(directory, kSystem, "sys.version_info = (3, 9)")),
                 "Python 3.9 is too old");
  expect_refused(in_python(pretend(directory, kSystem, "sys.implementation.name = 'pypy'")),
                 "pypy is not supported");
  expect_refused(in_python(pretend(directory, kSystem, "sys.abiflags = 't'")),
                 "free-threaded Python is not supported; replwire needs the build with the GIL");
  expect_refused(in_python(pretend(directory, kSystem, "sys.argv[1] = '/no/such/module'")),
                 "cannot load the module");
}

TEST(RefusedPythonTest, PyPy) {
  if (::system("command -v pypy3 > /dev/null") != 0) GTEST_SKIP() << "missing: pypy3";
  expect_refused(in_python("pypy3"), "pypy is not supported; replwire needs CPython");
}

TEST(RefusedPythonTest, AnEnvironmentWhoseBaseIsGone) {
  TempDir directory;
  const std::string base = directory.path("base");
  fs::create_directories(base);
  for (const char* options : {"", "--copies"}) {
    const std::string venv = directory.path("venv") + options;
    make_venv(venv, options);
    shell("sed -i 's|^home = .*|home = " + base + "|' " + quoted(venv + "/pyvenv.cfg"));
    expect_refused(in_python(venv), "whose Python is gone from " + base);
  }
  const std::string dangling = directory.path("venv/bin/python3");
  fs::remove(dangling);
  fs::create_symlink("/no/such/base", dangling);
  expect_refused(in_python(dangling), "is a link to /no/such/base, which does not exist");
}

TEST(RefusedPythonTest, SwitchesThatSayWhatToRun) {
  for (const Words& switches : std::vector<Words>{{"-c", "1"},
                                                  {"-m", "this"},
                                                  {"x.py"},
                                                  {"-i"},
                                                  {"-V"},
                                                  {"-"},
                                                  {"-Bc"},
                                                  {"-X"},
                                                  {"--", "-O"}}) {
    const ProgramRun run = run_program(in_python(kSystem, switches));
    EXPECT_EQ(run.status, 2);
    EXPECT_EQ(run.out, "");
    EXPECT_TRUE(run.err.starts_with("replwire: -- " + switches.front() + ": ")) << run.err;
  }
}

}  // namespace
}  // namespace replwire_tests
