// Where code stands: file names, line numbers, and the source behind them.
#include <gtest/gtest.h>

#include "support/server_process.h"

namespace replwire_tests {
namespace {

TEST(SourceTest, GetsourceFindsFunctionsAndMethods) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute("import inspect\n\ndef f():\n    return 42\n\n"
                           "class C:\n    def m(self): return 1\n")
                  .ok());
  EXPECT_EQ(server.execute("inspect.getsource(f)").value(), "def f():\n    return 42\n");
  EXPECT_EQ(server.execute("inspect.getsource(C.m)").value(), "    def m(self): return 1\n");
}

TEST(SourceTest, GetsourceFindsItLongAfterwards) {
  ServerProcess server;
  ASSERT_TRUE(server.execute("import inspect\ndef f():\n    return 42").ok());
  for (int n = 0; n < 300; ++n) ASSERT_TRUE(server.execute("x = 1").ok());
  EXPECT_EQ(server.execute("inspect.getsource(f)").value(), "def f():\n    return 42\n");
}

TEST(SourceTest, EveryExecutionHasItsOwnFileName) {
  ServerProcess server;
  server.execute("def f(): pass");
  server.execute("def g(): pass");
  EXPECT_EQ(server.execute("f.__code__.co_filename != g.__code__.co_filename").value(), true);
}

TEST(SourceTest, TheClientMayNameTheFile) {
  ServerProcess server;
  const Json place{{"filename", "/home/ada/notes.py"}, {"first_line", 10}};
  ASSERT_TRUE(server.execute("def f():\n    return 1 / 0", place).ok());
  EXPECT_EQ(server.execute("[f.__code__.co_filename, f.__code__.co_firstlineno]").value(),
            Json::array({"/home/ada/notes.py", 10}));
  EXPECT_EQ(server.execute("import inspect\ninspect.getsource(f)").value(),
            "def f():\n    return 1 / 0\n");
}

TEST(SourceTest, FirstLineCountsInErrors) {
  ServerProcess server;
  const Execution execution =
      server.execute("x = 1\n1 / 0", {{"filename", "notes.py"}, {"first_line", 100}});
  const Json frame = execution.terminal["frames"][0];
  EXPECT_EQ(frame["filename"], "notes.py");
  EXPECT_EQ(frame["line"], 101);
  EXPECT_EQ(frame["source"], "1 / 0");
  const std::string traceback = execution.terminal["traceback"];
  EXPECT_NE(traceback.find("File \"notes.py\", line 101"), std::string::npos) << traceback;
  EXPECT_NE(traceback.find("    1 / 0\n"), std::string::npos) << traceback;
}

TEST(SourceTest, FirstLineCountsInSyntaxErrors) {
  ServerProcess server;
  const Execution execution =
      server.execute("x = 1\ny = = 2", {{"filename", "notes.py"}, {"first_line", 100}});
  const Json frame = execution.terminal["frames"].back();
  EXPECT_EQ(frame["filename"], "notes.py");
  EXPECT_EQ(frame["line"], 101);
}

TEST(SourceTest, SameFileNameTwiceEachTracebackShowsItsOwnSource) {
  ServerProcess server;
  const Json place{{"filename", "same.py"}};
  ASSERT_TRUE(server.execute("def f(): raise ValueError('from the first')", place).ok());
  ASSERT_TRUE(server.execute("def g(): raise KeyError('from the second')", place).ok());
  const Json first = server.execute("f()").terminal;
  EXPECT_EQ(first["frames"].back()["source"], "def f(): raise ValueError('from the first')");
  EXPECT_NE(first["traceback"].get<std::string>().find("raise ValueError('from the first')"),
            std::string::npos);
  const Json second = server.execute("g()").terminal;
  EXPECT_EQ(second["frames"].back()["source"], "def g(): raise KeyError('from the second')");
  EXPECT_NE(second["traceback"].get<std::string>().find("raise KeyError('from the second')"),
            std::string::npos);
}

TEST(SourceTest, SameFileNameTwiceTheTracebackOfUserCodeShowsTheLast) {
  ServerProcess server;
  const Json place{{"filename", "same.py"}};
  ASSERT_TRUE(server.execute("def f(): raise ValueError('the newest')", place).ok());
  const Execution execution = server.execute(
      "import traceback\ntry:\n    f()\nexcept ValueError:\n    traceback.print_exc()");
  EXPECT_NE(execution.err.find("raise ValueError('the newest')"), std::string::npos) << execution;
}

TEST(SourceTest, EmptyFirstLinesKeepTheNumbers) {
  ServerProcess server;
  const Execution execution = server.execute("\n\n\n1 / 0");
  EXPECT_EQ(execution.terminal["frames"][0]["line"], 4);
}

}  // namespace
}  // namespace replwire_tests
