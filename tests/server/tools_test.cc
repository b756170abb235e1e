// Tools that know code by its file, each the real one, from a virtual environment that scripts/test
// makes and names in $REPLWIRE_TOOLS.
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

class ToolsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* python = std::getenv("REPLWIRE_TOOLS");
    if (python == nullptr) GTEST_SKIP() << "no $REPLWIRE_TOOLS: scripts/test sets it";
    launch_ = options({"--python", python});
    launch_.env["XDG_CACHE_HOME"] = cache_.path();
  }

  const TempDir cache_;
  Launch launch_;
};

TEST_F(ToolsTest, NumbaKeepsWhatItCompiledFromOneSessionToTheNext) {
  const std::string code =
      "from numba import njit\n@njit(cache=True)\ndef f(x):\n    return x + 1\nf(1)";
  const std::string hits = "sum(f.stats.cache_hits.values())";
  {
    ServerProcess server(launch_);
    EXPECT_EQ(server.execute(code).value(), 2);
    EXPECT_EQ(server.execute(hits).value(), 0);
  }
  ServerProcess server(launch_);
  EXPECT_EQ(server.execute(code).value(), 2);
  EXPECT_EQ(server.execute(hits).value(), 1);
}

TEST_F(ToolsTest, LineProfilerShowsTheLines) {
  ServerProcess server(launch_);
  ASSERT_TRUE(server.execute("def f(n):\n    return n + 1").ok());
  const Execution execution = server.execute(
      "import line_profiler\nprofiler = line_profiler.LineProfiler(f)\nprofiler.runcall(f, 1)\n"
      "profiler.print_stats()");
  EXPECT_TRUE(contains(execution.out, "    return n + 1")) << execution;
}

TEST_F(ToolsTest, PySnooperShowsTheLines) {
  ServerProcess server(launch_);
  const Execution execution = server.execute(
      "import pysnooper\n@pysnooper.snoop(color=False)\ndef f(n):\n    return n + 1\nf(1)");
  EXPECT_TRUE(contains(execution.err, "    return n + 1")) << execution;
  EXPECT_FALSE(contains(execution.err, "UNAVAILABLE")) << execution;
}

TEST_F(ToolsTest, CoverageCountsCodeThatHasAFile) {
  const std::string code = "def f(a):\n    if a:\n        return 1\n    return 2\nf(1)\n";
  const TempDir folder;
  const std::string file = folder.write("covered.py", code);
  ServerProcess server(launch_);
  ASSERT_TRUE(server
                  .execute("import coverage\nc = coverage.Coverage(data_file=None, "
                           "include=['*covered.py'])\nc.start()")
                  .ok());
  ASSERT_TRUE(server.execute(code, {{"filename", file}}).ok());
  EXPECT_EQ(server.execute("c.stop()\nc.analysis2(" + Json(file).dump() + ")[3]").value(),
            Json({4}));
}

TEST_F(ToolsTest, RichShowsTheLinesOfCodeWithAName) {
  ServerProcess server(launch_);
  const Execution execution = server.execute(
      "from rich.console import Console\ntry: int('x')\nexcept ValueError: "
      "Console().print_exception()",
      {{"filename", "/home/ada/notes.py"}});
  EXPECT_TRUE(contains(execution.out, "try: int('x')")) << execution;
}

TEST_F(ToolsTest, LoguruShowsTheLines) {
  ServerProcess server(launch_);
  const Execution execution = server.execute(
      "from loguru import logger\ntry:\n    int('x')\nexcept ValueError: logger.exception('oh')");
  EXPECT_TRUE(contains(execution.err, "int('x')")) << execution;
}

}  // namespace
}  // namespace replwire_tests
