// That no exception of C++ ends the process from within a function that Python calls.
#include <gtest/gtest.h>

#include "support/server_process.h"

namespace replwire_tests {
namespace {

TEST(GuardTest, WithoutMemoryForItsPromptInputRaises) {
  ServerProcess server;
  server.execute(
      "import resource\n"
      "text = 'x' * 40_000_000\n"
      "most = resource.getrlimit(resource.RLIMIT_AS)[1]\n"
      "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
      "resource.setrlimit(resource.RLIMIT_AS, (used + 20_000_000, most))");
  EXPECT_EQ(server.execute("input(text)").exception(), "MemoryError");
  EXPECT_TRUE(server.execute("resource.setrlimit(resource.RLIMIT_AS, (most, most))").ok());
  EXPECT_EQ(server.ask("input()", "x").value(), "x");
}

}  // namespace
}  // namespace replwire_tests
