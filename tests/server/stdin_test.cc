// `sys.stdin`, `fileinput` and `getpass`: the other ways to ask.
#include <gtest/gtest.h>

#include "support/server_process.h"

namespace replwire_tests {
namespace {

// Answers each request with the next line, then with end of file, until the execution is over.
Execution feed(ServerProcess& server, std::string_view code, std::vector<std::string> lines) {
  const Json id = server.start(code);
  std::size_t given = 0;
  while (true) {
    const Json frame = server.read_frame();
    if (is_terminal(frame)) return server.finish(id);
    if (frame["type"] != "input") continue;
    Json response{{"type", "input_response"}, {"input_id", frame["id"]}};
    if (given < lines.size()) {
      response["data"] = lines[given++];
    } else {
      response["eof"] = true;
    }
    server.send(response);
  }
}

TEST(StdinTest, ReadlineGivesALineWithItsNewline) {
  ServerProcess server;
  EXPECT_EQ(server.ask("import sys\nsys.stdin.readline()", "line").value(), "line\n");
  EXPECT_EQ(server.ask("sys.stdin.readline()", "ended\n").value(), "ended\n");
  EXPECT_EQ(server.ask("sys.stdin.readline()", "").value(), "\n");
}

TEST(StdinTest, ReadlineGivesNothingAtEof) {
  ServerProcess server;
  EXPECT_EQ(feed(server, "import sys\nsys.stdin.readline()", {}).value(), "");
}

TEST(StdinTest, ReadTakesLinesUntilEof) {
  ServerProcess server;
  EXPECT_EQ(feed(server, "import sys\nsys.stdin.read()", {"a", "b"}).value(), "a\nb\n");
}

TEST(StdinTest, ReadlinesTakesLinesUntilEof) {
  ServerProcess server;
  EXPECT_EQ(feed(server, "import sys\nsys.stdin.readlines()", {"a", "b"}).value(),
            Json::array({"a\n", "b\n"}));
}

TEST(StdinTest, IterationTakesLinesUntilEof) {
  ServerProcess server;
  EXPECT_EQ(feed(server, "import sys\n[line for line in sys.stdin]", {"a", "b", "c"}).value(),
            Json::array({"a\n", "b\n", "c\n"}));
}

TEST(StdinTest, EofEndsOneReadAndTheNextAsksAgain) {
  ServerProcess server;
  EXPECT_EQ(feed(server, "import sys\nsys.stdin.read()", {"one"}).value(), "one\n");
  EXPECT_EQ(feed(server, "sys.stdin.read()", {"two"}).value(), "two\n");
  EXPECT_EQ(feed(server, "list(sys.stdin)", {"three"}).value(), Json::array({"three\n"}));
  EXPECT_EQ(server.ask("input()", "four").value(), "four");
}

TEST(StdinTest, BufferGivesBytes) {
  ServerProcess server;
  EXPECT_EQ(server.ask("import sys\nsys.stdin.buffer.readline() == 'ü\\n'.encode()", "ü").value(),
            true);
  EXPECT_EQ(feed(server, "sys.stdin.buffer.read().decode()", {"a", "b"}).value(), "a\nb\n");
}

TEST(StdinTest, MixesWithInput) {
  ServerProcess server;
  EXPECT_EQ(
      feed(server, "import sys\n[input(), sys.stdin.readline(), input()]", {"a", "b", "c"}).value(),
      Json::array({"a", "b\n", "c"}));
}

TEST(StdinTest, RequestHasAnEmptyPromptAndNoPassword) {
  ServerProcess server;
  const Json id = server.start("import sys\nsys.stdin.readline()");
  const Json request = server.await_input();
  EXPECT_EQ(request["prompt"], "");
  EXPECT_EQ(request["password"], false);
  server.answer(request["id"], "x");
  EXPECT_TRUE(server.finish(id).ok());
}

TEST(StdinTest, ErrorAnswerRaisesRuntimeError) {
  ServerProcess server;
  const Json id = server.start("import sys\nsys.stdin.readline()");
  server.send(
      {{"type", "input_response"}, {"input_id", server.await_input()["id"]}, {"error", "no line"}});
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.exception(), "RuntimeError");
  EXPECT_EQ(server.ask("sys.stdin.readline()", "line").value(), "line\n");
}

TEST(StdinTest, InterruptEndsARead) {
  ServerProcess server;
  const Json id = server.start("import sys\nsys.stdin.read()");
  server.await_input();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
  EXPECT_EQ(server.ask("sys.stdin.readline()", "line").value(), "line\n");
}

TEST(StdinTest, IsAProperTextStream) {
  ServerProcess server;
  const Execution execution = server.execute(R"(
import io, os, sys
{
    'text': isinstance(sys.stdin, io.TextIOBase),
    'encoding': sys.stdin.encoding.lower().replace('-', ''),
    'isatty': sys.stdin.isatty(),
    'readable': sys.stdin.readable(),
    'writable': sys.stdin.writable(),
    'closed': sys.stdin.closed,
    'null': os.path.samestat(os.fstat(sys.stdin.fileno()), os.stat('/dev/null')),
    'buffer': hasattr(sys.stdin.buffer, 'readline'),
}
)");
  EXPECT_EQ(execution.value(), Json({{"text", true},
                                     {"encoding", "utf8"},
                                     {"isatty", false},
                                     {"readable", true},
                                     {"writable", false},
                                     {"closed", false},
                                     {"null", true},
                                     {"buffer", true}}))
      << execution;
}

TEST(StdinTest, DescriptorZeroIsTheNullDevice) {
  ServerProcess server;
  EXPECT_EQ(server.execute("import os\nos.read(0, 10) == b''").value(), true);
}

TEST(StdinTest, AChildThatReadsGetsTheEndAtOnce) {
  ServerProcess server;
  const Json id = server.start("import subprocess\nsubprocess.run(['cat']).returncode");
  // These bytes are for the server; the child must not take them.
  const Json next = server.start("'not eaten'");
  EXPECT_EQ(server.finish(id).value(), 0);
  EXPECT_EQ(server.finish(next).value(), "not eaten");
}

TEST(StdinTest, FileinputReadsThroughRequests) {
  ServerProcess server;
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(
        feed(server, "import fileinput\nlist(fileinput.input(files=('-',)))\n", {"a", "b"}).value(),
        Json::array({"a\n", "b\n"}));
    ASSERT_TRUE(server.execute("fileinput.close()").ok());
  }
}

TEST(StdinTest, GetpassAsksForAPassword) {
  ServerProcess server;
  const Json id = server.start("from getpass import getpass\nlen(getpass('Secret: '))");
  const Json request = server.await_input();
  EXPECT_EQ(request["prompt"], "Secret: ");
  EXPECT_EQ(request["password"], true);
  server.answer(request["id"], "hunter2");
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.value(), 7);
  EXPECT_EQ(execution.out + execution.err, "");
}

TEST(StdinTest, GetpassEofRaisesEofError) {
  ServerProcess server;
  EXPECT_EQ(feed(server, "import getpass\ngetpass.getpass()", {}).exception(), "EOFError");
}

}  // namespace
}  // namespace replwire_tests
