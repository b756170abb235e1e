// The interpreter that user code finds: as `python3` would have it.
#include <gtest/gtest.h>

#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

// What the server's own interpreter says, started as python3 with the same code on its input.
constexpr const char* kCompare = R"(
import json, subprocess, sys
probe = '''
import json, site, sys
json.dump(%s, sys.stdout)
'''
def ours(expression):
    import site
    return json.loads(json.dumps(eval(expression)))
def pythons(expression):
    done = subprocess.run([sys.executable], input=probe % expression, capture_output=True, text=True)
    return json.loads(done.stdout)
)";

class AsPythonTest : public ::testing::TestWithParam<const char*> {};

TEST_P(AsPythonTest, IsTheSame) {
  ServerProcess server({.env = {{"LANG", "C.UTF-8"}}});  // of "C" a child's mode of UTF-8 differs
  ASSERT_TRUE(server.execute(kCompare, {{"filename", "compare.py"}}).ok());
  const std::string argument = "(" + Json(GetParam()).dump() + ")";
  const Execution ours = server.execute("ours" + argument);
  const Execution pythons = server.execute("pythons" + argument);
  ASSERT_TRUE(ours.ok() && pythons.ok()) << ours << pythons;
  EXPECT_EQ(ours.value(), pythons.value());
}

INSTANTIATE_TEST_SUITE_P(
    Things, AsPythonTest,
    ::testing::Values("sys.argv", "sys.path", "sys.executable", "list(sys.flags)", "sys.version",
                      "sys.prefix", "sys.base_prefix", "sys.exec_prefix", "sys.implementation.name",
                      "site.ENABLE_USER_SITE", "site.USER_SITE", "sys.getfilesystemencoding()",
                      "sys.getrecursionlimit()", "sys.dont_write_bytecode", "sys.warnoptions"));

TEST(EnvironmentTest, ArgvAndPathAreThoseOfAnInteractivePython) {
  ServerProcess server;
  EXPECT_EQ(server.execute("import sys\n[sys.argv, sys.path[0]]").value(),
            Json::array({Json::array({""}), ""}));
}

TEST(EnvironmentTest, ReadyNamesTheInterpreter) {
  ServerProcess server;
  const Json python = server.ready()["python"];
  EXPECT_EQ(
      server
          .execute("import sys, os, platform\n[sys.executable, sys.prefix, os.getpid(), "
                   "platform.python_version()]")
          .value(),
      Json::array({python["executable"], python["prefix"], python["pid"], python["version"]}));
}

TEST(EnvironmentTest, ExecutableIsAPython) {
  ServerProcess server;
  EXPECT_EQ(server
                .execute("import subprocess, sys\n"
                         "subprocess.run([sys.executable, '-c', 'print(6 * 7)'], "
                         "capture_output=True, text=True).stdout")
                .value(),
            "42\n");
}

TEST(EnvironmentTest, MultiprocessingFindsTheSessionsFunctions) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import multiprocessing\ndef double(n): return 2 * n").ok());
  const Execution forked = server.execute(
      "with multiprocessing.get_context('fork').Pool(2) as pool: got = pool.map(double, [1, 2])\n"
      "got");
  EXPECT_EQ(forked.value(), Json::array({2, 4})) << forked;
}

TEST(EnvironmentTest, MultiprocessingStartsFreshInterpreters) {
  ServerProcess server;
  const Execution spawned = server.execute(
      "import math, multiprocessing\n"
      "with multiprocessing.get_context('spawn').Pool(1) as pool: got = pool.map(math.sqrt, [4, "
      "9])\n"
      "got");
  EXPECT_EQ(spawned.value(), Json::array({2.0, 3.0})) << spawned;
}

TEST(EnvironmentTest, ModulesOfTheWorkingDirectoryAreFound) {
  TempDir directory;
  directory.write("nearby.py", "x = 'found'\n");
  ServerProcess server(Launch{.cwd = directory.path()});
  EXPECT_EQ(server.execute("import nearby\nnearby.x").value(), "found");
}

TEST(EnvironmentTest, PythonpathIsHonoured) {
  TempDir directory;
  directory.write("far_away.py", "x = 'found'\n");
  ServerProcess server(Launch{.env = {{"PYTHONPATH", directory.path()}}});
  EXPECT_EQ(server.execute("import far_away\nfar_away.x").value(), "found");
}

TEST(EnvironmentTest, UserSiteIsHonoured) {
  TempDir directory;
  std::string site;
  {
    ServerProcess server(Launch{.env = {{"PYTHONUSERBASE", directory.path()}}});
    site = server.execute("import site\nsite.USER_SITE").value();
  }
  ASSERT_EQ(site.find(directory.path()), 0u);
  std::filesystem::create_directories(site);
  directory.write(site.substr(directory.path().size() + 1) + "/of_the_user.py", "x = 'found'\n");
  ServerProcess server(Launch{.env = {{"PYTHONUSERBASE", directory.path()}}});
  EXPECT_EQ(server.execute("import of_the_user\nof_the_user.x").value(), "found");
}

TEST(EnvironmentTest, VirtualEnvOfTheSameVersionIsHonoured) {
  TempDir directory;
  const std::string venv = directory.path("venv");
  std::string library;
  {
    ServerProcess server;
    const Execution made = server.execute(
        "import subprocess, sys, sysconfig\n"
        "subprocess.run([sys.executable, '-m', 'venv', '--without-pip', '" +
        venv +
        "'], check=True)\n"
        "f'lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages'");
    ASSERT_TRUE(made.ok()) << made;
    library = made.value();
  }
  directory.write("venv/" + library + "/only_there.py", "x = 'found'\n");
  ServerProcess server(Launch{.env = {{"VIRTUAL_ENV", venv}}});
  EXPECT_EQ(server.execute("import only_there, sys\n[only_there.x, sys.prefix]").value(),
            Json::array({"found", venv}));
}

TEST(EnvironmentTest, ChildrenInheritNoPrivateDescriptor) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import subprocess\nsubprocess.run(['ls', '/proc/self/fd'], close_fds=False, "
      "capture_output=True, text=True).stdout.split()");
  // 3 is the directory that ls reads.
  EXPECT_EQ(execution.value(), Json::array({"0", "1", "2", "3"})) << execution;
}

TEST(EnvironmentTest, ChildrenInheritNoBlockedSignals) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import subprocess\nsubprocess.run(['grep', '-E', 'SigBlk', '/proc/self/status'], "
      "capture_output=True, text=True).stdout.split()[1]");
  EXPECT_EQ(execution.value(), "0000000000000000");
}

TEST(EnvironmentTest, SignalsHaveTheirPythonHandlers) {
  ServerProcess server;
  EXPECT_EQ(server
                .execute("import signal\n"
                         "signal.getsignal(signal.SIGINT) is signal.default_int_handler")
                .value(),
            true);
}

}  // namespace
}  // namespace replwire_tests
