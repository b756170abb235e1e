// What user code writes, as the client sees it.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

TEST(StreamTest, PrintArrivesOnItsStream) {
  ServerProcess server;
  const Execution execution =
      server.execute("import sys\nprint('out')\nprint('err', file=sys.stderr)");
  EXPECT_EQ(execution.out, "out\n");
  EXPECT_EQ(execution.err, "err\n");
}

TEST(StreamTest, OutputNamesItsExecution) {
  ServerProcess server;
  server.start("print('x')", {{"id", "mine"}});
  const Json output = server.read_output();
  EXPECT_EQ(output["execution_id"], "mine");
  EXPECT_EQ(output["stream"], "stdout");
  EXPECT_EQ(output["data"], "x\n");
  EXPECT_FALSE(output.value("late", false));
}

struct Text : Case {
  const char* expression;
  std::string arrives;
};

class StreamTextTest : public ::testing::TestWithParam<Text> {};

TEST_P(StreamTextTest, ArrivesWhole) {
  ServerProcess server;
  const std::string write =
      "import sys\nlength = sys.stdout.write(" + std::string(GetParam().expression) + ")";
  const Execution execution = server.execute(write);
  EXPECT_EQ(execution.out.size(), GetParam().arrives.size());
  EXPECT_TRUE(execution.out == GetParam().arrives) << execution;
}

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int n = 0; n < times; ++n) all += text;
  return all;
}

// Lengths around the size at which an output frame must be cut, and characters whose escapes
// make a frame longer than its text.
std::vector<Text> texts() {
  return {
      {"NoNewline", "'tail'", "tail"},
      {"Empty", "''", ""},
      {"CarriageReturn", "'50%\\r100%\\r\\n'", "50%\r100%\r\n"},
      {"Unicode", "'\\u00fc\\u4e2d\\U0001f600'", "\u00fc\u4e2d\U0001f600"},
      {"LineSeparators", "'a\\u2028b\\u2029c\\x85d'", "a\u2028b\u2029c\u0085d"},
      {"Control", "'\\0\\x01\\x1b[31m\\x7f'", std::string("\0\x01\x1b[31m\x7f", 8)},
      {"LoneSurrogate", "'a\\udc80b\\ud83d'", "a\\udc80b\\ud83d"},
      {"QuotesAndBackslashes", "'\"\\\\' * 100_000", repeated("\"\\", 100'000)},
      {"ManyControls", "'\\x01' * 200_000", repeated("\x01", 200'000)},
      {"ManyEmojis", "'x' + '\\U0001f600' * 100_000", "x" + repeated("\U0001f600", 100'000)},
      {"ManySurrogates", "'\\udc80' * 50_000", repeated("\\udc80", 50'000)},
      {"ManySeparators", "'\\u2028' * 100_000", repeated("\u2028", 100'000)},
      {"ManyLines", "'line\\n' * 100_000", repeated("line\n", 100'000)},
      {"OneLongLine", "'x' * 5_000_000", std::string(5'000'000, 'x')},
  };
}

INSTANTIATE_TEST_SUITE_P(Texts, StreamTextTest, ::testing::ValuesIn(texts()), CaseName{});

TEST(StreamTest, OutputFramesStayBelow60KiBWithAnyId) {
  ServerProcess server;
  // The client checks the length of every output frame.
  const Execution execution =
      server.execute("print('\U0001f600x' * 50_000)", {{"id", std::string(2000, '\x01')}});
  EXPECT_EQ(execution.out.size(), 5u * 50'000 + 1);
}

TEST(StreamTest, StdoutAndStderrKeepTheirOrder) {
  ServerProcess server;
  const Execution execution = server.execute(R"(
import sys
for n in range(200):
    print('o%d' % n, file=sys.stdout)
    print('e%d' % n, file=sys.stderr)
)");
  std::string together;
  std::string expected;
  for (const Json& frame : execution.frames) {
    if (frame["type"] == "output") together += frame["data"].get<std::string>();
  }
  for (int n = 0; n < 200; ++n) {
    expected += "o" + std::to_string(n) + "\ne" + std::to_string(n) + "\n";
  }
  EXPECT_EQ(together, expected);
}

TEST(StreamTest, OutputPrecedesTheResultWithoutFlush) {
  ServerProcess server;
  for (int round = 0; round < 200; ++round) {
    ASSERT_EQ(server.execute("import sys\nx = sys.stdout.write('tail')").out, "tail");
  }
}

TEST(StreamTest, ALoopOfPrintsIsCoalesced) {
  ServerProcess server;
  const Execution execution = server.execute("for n in range(50_000): print(n)");
  EXPECT_EQ(std::ranges::count(execution.out, '\n'), 50'000);
  EXPECT_LT(execution.frames.size(), 5'000u);
}

TEST(StreamTest, TwoThreadsMixWithoutLoss) {
  ServerProcess server;
  const Execution execution = server.execute(R"(
import threading
def work(name):
    for n in range(2000): print(f'{name}{n}\n', end='')
threads = [threading.Thread(target=work, args=(name,)) for name in 'ab']
for t in threads: t.start()
for t in threads: t.join()
)");
  EXPECT_EQ(std::ranges::count(execution.out, '\n'), 4000);
  EXPECT_EQ(std::ranges::count(execution.out, 'a'), 2000);
}

TEST(StreamTest, AThreadsOutputBelongsToTheExecutionThatStartedIt) {
  ServerProcess server;
  const Execution starter = server.execute(R"(
import threading
go = threading.Event()
def work():
    go.wait()
    print('from the thread')
thread = threading.Thread(target=work)
thread.start()
)",
                                           {{"id", "starter"}});
  ASSERT_TRUE(starter.ok());
  const Json other = server.start("go.set()\nthread.join()", {{"id", "other"}});
  const std::vector<Json> frames = server.read_until(is_terminal);
  EXPECT_EQ(output_text(frames, "stdout"), "from the thread\n");
  for (const Json& frame : frames) {
    if (frame["type"] != "output") continue;
    EXPECT_EQ(frame["execution_id"], "starter");
    EXPECT_EQ(frame["late"], true);
    EXPECT_EQ(frame["execution_count"], starter.terminal["execution_count"]);
  }
}

TEST(StreamTest, AJoinedThreadsOutputIsNotLate) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import threading\nt = threading.Thread(target=print, args=('x',))\nt.start()\nt.join()");
  EXPECT_EQ(execution.out, "x\n");
  for (const Json& frame : execution.frames) EXPECT_FALSE(frame.value("late", false));
}

TEST(StreamTest, BytesWrittenToTheBufferArriveToo) {
  ServerProcess server;
  EXPECT_EQ(server
                .execute("import sys\nn = sys.stdout.buffer.write('ü\\n'.encode())\n"
                         "sys.stdout.flush()")
                .out,
            "ü\n");
}

TEST(StreamTest, WritingWhatIsNoTextIsTheUsersError) {
  ServerProcess server;
  EXPECT_EQ(server.execute("import sys\nsys.stdout.write(5)").exception(), "TypeError");
  EXPECT_EQ(server.execute("import sys\nsys.stdout.write('four')").value(), 4);
}

TEST(StreamTest, AReplacedStdoutIsTheUsers) {
  ServerProcess server;
  EXPECT_EQ(server.execute("import sys, io\nsys.stdout = mine = io.StringIO()\nprint('x')").out,
            "");
  EXPECT_EQ(server.execute("print('y')\nmine.getvalue()").value(), "x\ny\n");
  EXPECT_EQ(server.execute("sys.stdout = sys.__stdout__\nprint('z')").out, "z\n");
}

// Every line of the protocol is checked by the client: here that such writes are none of them.
TEST(StreamTest, WritesBelowPythonNeverReachTheProtocol) {
  ServerProcess server;
  const Execution execution = server.execute(R"(
import os, subprocess, ctypes
os.write(1, b'by descriptor 1, ')
os.write(2, b'by descriptor 2, ')
subprocess.run(['echo', 'by a child'])
libc = ctypes.CDLL(None)
libc.puts(b'by puts')
libc.fflush(None)
'done'
)");
  EXPECT_EQ(execution.value(), "done");
  const std::string all = execution.out + execution.err + server.stderr_text();
  for (const char* part : {"by descriptor 1", "by descriptor 2", "by a child", "by puts"}) {
    EXPECT_NE(all.find(part), std::string::npos) << part;
  }
}

TEST(StreamTest, TwoExecutionsKeepTheirOutputApart) {
  ServerProcess server;
  const Json first = server.start("print('first')");
  const Json second = server.start("print('second')");
  EXPECT_EQ(server.finish(first).out, "first\n");
  EXPECT_EQ(server.finish(second).out, "second\n");
}

}  // namespace
}  // namespace replwire_tests
