// Progress bars: what is overwritten again and again.
#include <gtest/gtest.h>

#include "support/server_process.h"

namespace replwire_tests {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::size_t outputs(const Execution& execution) {
  std::size_t count = 0;
  for (const Json& frame : execution.frames) count += frame["type"] == "output" ? 1 : 0;
  return count;
}

TEST(ProgressTest, ManyUpdatesShareFramesAndTheLastStateArrives) {
  ServerProcess server;
  const Execution execution =
      server.execute("for n in range(20001): print(f'\\r{n:5}', end='', flush=True)");
  EXPECT_TRUE(execution.out.ends_with("\r19999\r20000")) << shortened(execution.out);
  EXPECT_EQ(execution.out.size(), 20001u * 6);
  EXPECT_LT(outputs(execution), 2000u);
}

TEST(ProgressTest, TqdmWorksAsOnAPipe) {
  ServerProcess server;
  const Execution execution =
      server.execute("from tqdm.auto import tqdm\nfor n in tqdm(range(1000), desc='bar'): pass");
  if (execution.exception() == "ModuleNotFoundError") GTEST_SKIP() << "no tqdm (python3-tqdm)";
  ASSERT_TRUE(execution.ok()) << execution;
  EXPECT_EQ(execution.out, "");
  EXPECT_TRUE(contains(execution.err, "\rbar: 100%")) << execution;
  EXPECT_TRUE(contains(execution.err, "1000/1000")) << execution;
}

TEST(ProgressTest, RichWorksAsOnAPipe) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import rich\nfrom rich.progress import track\nrich.print('[bold]bold[/bold]')\n"
      "for n in track(range(3), description='bar'): pass");
  if (execution.exception() == "ModuleNotFoundError") GTEST_SKIP() << "no rich (python3-rich)";
  ASSERT_TRUE(execution.ok()) << execution;
  EXPECT_TRUE(execution.out.starts_with("bold\n")) << execution;
  EXPECT_TRUE(contains(execution.out, "100%")) << execution;
}

}  // namespace
}  // namespace replwire_tests
