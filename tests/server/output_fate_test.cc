// What becomes of output when the process dies without a word, when standard output is full, when
// the client does not read, and when user code takes descriptors away.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <fstream>

#include "support/case.h"
#include "support/server_process.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

struct Death : Case {
  const char* code;
  std::string out;
  std::string err;
};
class FlushedTest : public ::testing::TestWithParam<Death> {};

TEST_P(FlushedTest, OutlivesTheProcess) {
  ServerProcess server;
  server.start(GetParam().code);
  const std::vector<Json> frames = server.read_to_end();
  EXPECT_EQ(output_text(frames, "stdout"), GetParam().out);
  EXPECT_EQ(output_text(frames, "stderr"), GetParam().err);
}

const Death kDeaths[] = {
    {"Killed", "import os\nprint('text', flush=True)\nos.kill(os.getpid(), 9)", "text\n"},
    {"KilledBehindManyFlushes",
     "import os\nfor n in range(5): print(n, flush=True)\nos.kill(os.getpid(), 9)",
     "0\n1\n2\n3\n4\n"},
    {"KilledBehindALineOfErrors",
     "import os, sys\nprint('error', file=sys.stderr)\nos.kill(os.getpid(), 9)", "", "error\n"},
    {"ExitOfC", "import ctypes\nprint('text', flush=True)\nctypes.CDLL(None)._exit(3)", "text\n"},
    {"Exec", "import os\nprint('text', flush=True)\nos.execv('/bin/true', ['true'])", "text\n"},
};
INSTANTIATE_TEST_SUITE_P(Deaths, FlushedTest, ::testing::ValuesIn(kDeaths), CaseName{});

class FullDiskTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Mode, FullDiskTest, ::testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Survive" : "OneProcess"; });

TEST_P(FullDiskTest, IsToldAndIsNoSuccess) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Fd error = make_capture_file();
  EXPECT_EQ(reap(spawn(GetParam() ? surviving() : Launch{}, null.get(), full.get(), error.get())),
            74);
  EXPECT_NE(read_capture(error).find("cannot write to standard output: No space left"),
            std::string::npos);
}

std::int64_t resident_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::int64_t pages = 0;
  file >> pages >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

// A client that sends and does not read, until the server takes no more or all has been sent; then
// it reads, and ends the line that it was in.
template <class Look>
void send_unread(ServerProcess& server, int to, const std::string& line, std::size_t lines,
                 Look looked) {
  std::string all;
  for (std::size_t n = 0; n < lines; ++n) all += line;
  std::string_view rest = all;
  while (!rest.empty() && wait_for(to, POLLOUT, Clock::now() + Millis(1000))) {
    const ssize_t size = ::write(to, rest.data(), std::min<std::size_t>(rest.size(), 4096));
    ASSERT_GT(size, 0) << server.describe();
    rest.remove_prefix(static_cast<std::size_t>(size));
  }
  looked();
  server.send_bytes(rest.substr(0, rest.find('\n') + 1));
}

struct Unread : Case {
  const char* line;
  std::size_t lines;
};
class UnreadRepliesTest : public ::testing::TestWithParam<Unread> {};

TEST_P(UnreadRepliesTest, AreBounded) {
  ServerProcess server;
  server.execute("print('x' * 3_000_000)", {{"output_limit", 100}});
  server.execute("for n in range(400): globals()[f'value{n}'] = 'x' * 40");
  const std::int64_t before = resident_bytes(server.pid());
  send_unread(server, server.input(), GetParam().line, GetParam().lines,
              [&] { EXPECT_LT(resident_bytes(server.pid()) - before, 32 * 1024 * 1024); });
  EXPECT_EQ(server.execute("'alive'").value(), "alive");
}

const Unread kUnread[] = {
    {"BadLines", "x\n", 1'000'000},
    {"Status", "{\"type\":\"status\",\"id\":1}\n", 200'000},
    {"StatusWithStack", "{\"type\":\"status\",\"id\":1,\"stack\":true}\n", 150'000},
    {"Variables", "{\"type\":\"variables\",\"id\":1,\"limit\":400}\n", 2'000},
    {"Complete", "{\"type\":\"complete\",\"id\":1,\"code\":\"value\",\"cursor_pos\":5}\n", 4'000},
    {"OutputGet",
     "{\"type\":\"output_get\",\"id\":1,\"execution_count\":1,\"stream\":\"stdout\",\"offset\":0,"
     "\"size\":3000000}\n",
     40},
};
INSTANTIATE_TEST_SUITE_P(Requests, UnreadRepliesTest, ::testing::ValuesIn(kUnread), CaseName{});

TEST(OutputBufferTest, OfOneByteIsSlowAndNothingElse) {
  ServerProcess server(options({"--output-buffer", "1"}));
  EXPECT_EQ(server.execute("for n in range(20_000): print('x' * 100)").out.size(), 20'000u * 101);
  EXPECT_EQ(server.execute("import os\nx = os.system('seq 100000 | tail -1')").out, "100000\n");
}

TEST(SlowReaderTest, AStatusOvertakesOutputThatWaits) {
  ServerProcess server;
  const Json id = server.start("while True: print('x' * 1000)");
  server.read_line();
  ::poll(nullptr, 0, 300);  // until megabytes wait
  server.send_line(R"({"type":"status","id":"s"})");
  std::size_t bytes = 0;
  for (Json frame = server.read_frame(); frame["type"] != "status_reply";
       frame = server.read_frame()) {
    bytes += frame["data"].get_ref<const std::string&>().size();
  }
  EXPECT_LT(bytes, 2u * 1024 * 1024);
  server.interrupt(id);
}

struct Limit : Case {
  int descriptors;
};
class FewDescriptorsTest : public ::testing::TestWithParam<Limit> {};

TEST_P(FewDescriptorsTest, AllThatIsPrintedArrivesAndNobodySpins) {
  ServerProcess server;
  server.execute("import os, resource, time\nresource.setrlimit(resource.RLIMIT_NOFILE, (" +
                 std::to_string(GetParam().descriptors) + ", 4096))");
  std::string expected;
  for (int n = 0; n < 200; ++n) {
    expected += "p" + std::to_string(n) + "\nw" + std::to_string(n) + "\n";
  }
  const Execution execution = server.execute(
      "for n in range(200):\n    print(f'p{n}')\n    x = os.write(1, b'w%d\\n' % n)");
  EXPECT_EQ(execution.out, expected);
  const Execution used =
      server.execute("before = time.process_time()\ntime.sleep(0.5)\ntime.process_time() - before");
  EXPECT_LT(used.value().get<double>(), 0.1) << used;
}

const Limit kLimits[] = {{"None", 0}, {"One", 1}, {"Three", 3}, {"Sixteen", 16}};
INSTANTIATE_TEST_SUITE_P(Limits, FewDescriptorsTest, ::testing::ValuesIn(kLimits), CaseName{});

TEST(SpoolTest, FiveHundredExecutionsUseNoMoreDescriptors) {
  ServerProcess server;
  server.execute("import os\ncount = lambda: len(os.listdir('/proc/self/fd'))");
  server.execute("print('x' * 100)", {{"output_limit", 10}});
  const Json before = server.execute("count()").value();
  for (int n = 0; n < 500; ++n) server.execute("print('x' * 100)", {{"output_limit", 10}});
  EXPECT_EQ(server.execute("count()").value(), before);
}

}  // namespace
}  // namespace replwire_tests
