// output_limit: the head and the tail arrive; output_get fetches what was left out.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

// RFC 4648, for tests only; nothing but the alphabet and its padding may come.
std::string decode_base64(std::string_view text) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  EXPECT_EQ(text.size() % 4, 0u);
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string bytes;
  unsigned bits = 0;
  int held = 0;
  for (const char letter : text) {
    const std::size_t at = kAlphabet.find(letter);
    EXPECT_NE(at, kAlphabet.npos);
    bits = bits << 6U | static_cast<unsigned>(at);
    held += 6;
    if (held >= 8) bytes += static_cast<char>(bits >> static_cast<unsigned>(held -= 8) & 0xffU);
  }
  return bytes;
}

std::vector<Json> gaps_of(const Execution& execution, std::string_view stream = "stdout") {
  std::vector<Json> gaps;
  for (const Json& frame : execution.frames) {
    if (frame["type"] == "output_truncated" && frame["stream"] == stream) gaps.push_back(frame);
  }
  return gaps;
}

Json output_get(ServerProcess& server, const Json& count, std::int64_t offset, std::int64_t size,
                std::string_view stream = "stdout") {
  server.send({{"type", "output_get"},
               {"id", "get"},
               {"execution_count", count},
               {"stream", stream},
               {"offset", offset},
               {"size", size}});
  return server
      .read_until([](const Json& frame) {
        return frame["type"] == "output_get_reply" || frame["type"] == "protocol_error";
      })
      .back();
}

std::string numbered_lines(int count) {
  std::string text;
  for (int n = 0; n < count; ++n) text += std::to_string(n) + "\n";
  return text;
}

constexpr const char* kLines = "for n in range(10_000): print(n)";

TEST(OutputLimitTest, TheHeadAndTheTailArrive) {
  ServerProcess server;
  const std::string all = numbered_lines(10'000);
  const Execution execution = server.execute(kLines, {{"output_limit", 1000}});
  const std::vector<Json> gaps = gaps_of(execution);
  ASSERT_EQ(gaps.size(), 1u) << execution;
  EXPECT_EQ(gaps[0]["execution_id"], execution.terminal["execution_id"]);
  EXPECT_EQ(gaps[0]["execution_count"], 1);
  const std::size_t offset = gaps[0]["offset"];
  const std::size_t omitted = gaps[0]["omitted"];
  EXPECT_EQ(execution.out, all.substr(0, offset) + all.substr(offset + omitted));
  EXPECT_LE(execution.out.size(), 1000u);
  EXPECT_GT(execution.out.size(), 900u);
  EXPECT_GT(offset, 300u);
  EXPECT_LT(offset, 700u);
}

TEST(OutputLimitTest, TheGapStandsWhereItIs) {
  ServerProcess server;
  const Execution execution = server.execute(kLines, {{"output_limit", 1000}});
  std::size_t before = 0;
  for (const Json& frame : execution.frames) {
    if (frame["type"] == "output") before += frame["data"].get<std::string>().size();
    EXPECT_EQ(frame.value("offset", before), before);
  }
}

TEST(OutputLimitTest, EachStreamHasItsOwn) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import sys\nfor n in range(1000): print('x' * 99); print('y' * 49, file=sys.stderr)",
      {{"output_limit", 500}});
  ASSERT_EQ(gaps_of(execution).size(), 1u);
  ASSERT_EQ(gaps_of(execution, "stderr").size(), 1u);
  EXPECT_EQ(gaps_of(execution)[0]["omitted"], 100'000 - execution.out.size());
  EXPECT_EQ(gaps_of(execution, "stderr")[0]["omitted"], 50'000 - execution.err.size());
}

TEST(OutputLimitTest, NothingIsSaidWhereNothingIsLeftOut) {
  ServerProcess server;
  for (const int size : {0, 1, 499, 500, 501, 999, 1000}) {
    const Execution execution = server.execute("print('x' * " + std::to_string(size) + ", end='')",
                                               {{"output_limit", 1000}});
    EXPECT_EQ(execution.out, std::string(static_cast<std::size_t>(size), 'x'));
    EXPECT_TRUE(gaps_of(execution).empty()) << size;
  }
}

TEST(OutputLimitTest, NoCharacterIsCut) {
  ServerProcess server;
  for (int limit = 10; limit < 40; ++limit) {
    const Execution execution =
        server.execute("print('\U0001f600' * 100, end='')", {{"output_limit", limit}});
    ASSERT_EQ(gaps_of(execution).size(), 1u);
    EXPECT_EQ(execution.out.find("\ufffd"), std::string::npos) << limit;
    EXPECT_EQ(execution.out.size() % 4, 0u) << limit;
    EXPECT_EQ(gaps_of(execution)[0]["omitted"], 400 - execution.out.size()) << limit;
  }
}

TEST(OutputLimitTest, OfZeroLeavesOutAll) {
  ServerProcess server;
  const Execution execution = server.execute("print('x' * 99)", {{"output_limit", 0}});
  EXPECT_EQ(execution.out, "");
  ASSERT_EQ(gaps_of(execution).size(), 1u) << execution;
  EXPECT_EQ(gaps_of(execution)[0]["omitted"], 100);
  EXPECT_EQ(gaps_of(execution)[0]["offset"], 0);
}

TEST(OutputLimitTest, ChildrenAreCountedToo) {
  ServerProcess server;
  const Execution execution =
      server.execute("import os\nos.system('seq 100000')", {{"output_limit", 1000}});
  ASSERT_EQ(gaps_of(execution).size(), 1u);
  EXPECT_LE(execution.out.size(), 1000u);
  EXPECT_TRUE(execution.out.ends_with("99999\n100000\n"));
}

TEST(OutputLimitTest, BytesThatAreNotUtf8CountAsTheyArrive) {
  ServerProcess server;
  const Execution execution =
      server.execute("import os\nn = os.write(1, b'\\xff' * 1000)", {{"output_limit", 90}});
  ASSERT_EQ(gaps_of(execution).size(), 1u);
  EXPECT_EQ(gaps_of(execution)[0]["omitted"], 3000 - execution.out.size());
}

TEST(OutputLimitTest, TheTailPrecedesAQuestion) {
  ServerProcess server;
  const Json id = server.start("for n in range(1000): print(n)\ninput()\nprint('after')",
                               {{"output_limit", 200}});
  const std::vector<Json> before = server.read_until("input");
  EXPECT_TRUE(output_text(before, "stdout").ends_with("998\n999\n"));
  server.answer("");
  EXPECT_TRUE(server.finish(id).out.ends_with("after\n"));
}

TEST(OutputLimitTest, TheOptionIsForAllAndAFieldForOne) {
  ServerProcess server(options({"--output-limit", "1000"}));
  EXPECT_EQ(gaps_of(server.execute(kLines)).size(), 1u);
  EXPECT_EQ(server.execute(kLines, {{"output_limit", 1'000'000}}).out, numbered_lines(10'000));
}

TEST(OutputLimitTest, ThereIsNoneByDefault) {
  ServerProcess server;
  EXPECT_EQ(server.execute(kLines).out, numbered_lines(10'000));
}

TEST(OutputLimitTest, AnErrorHasItsTailToo) {
  ServerProcess server;
  const Execution execution =
      server.execute("for n in range(1000): print(n)\n1 / 0", {{"output_limit", 200}});
  EXPECT_EQ(execution.exception(), "ZeroDivisionError");
  EXPECT_TRUE(execution.out.ends_with("999\n"));
  EXPECT_EQ(gaps_of(execution).size(), 1u);
}

class OutputGetTest : public ::testing::Test {
 protected:
  OutputGetTest() : execution_(server_.execute(kLines, {{"output_limit", 1000}})) {}

  std::string get(std::int64_t offset, std::int64_t size) {
    const Json reply = output_get(server_, execution_.terminal["execution_count"], offset, size);
    EXPECT_EQ(reply["type"], "output_get_reply") << reply;
    EXPECT_EQ(reply["id"], "get");
    EXPECT_EQ(reply["total"], all_.size());
    return decode_base64(reply["data"].get<std::string>());
  }

  const std::string all_ = numbered_lines(10'000);
  ServerProcess server_;
  Execution execution_;
};

TEST_F(OutputGetTest, FetchesTheGap) {
  const Json gap = gaps_of(execution_).at(0);
  const std::size_t offset = gap["offset"];
  const std::string missing = get(gap["offset"], gap["omitted"]);
  EXPECT_EQ(execution_.out.substr(0, offset) + missing + execution_.out.substr(offset), all_);
}

TEST_F(OutputGetTest, FetchesAnyPart) {
  for (const int offset : {0, 1, 2, 3, 499, 500, 501, 20'000, 48'889}) {
    for (const int size : {0, 1, 2, 3, 100, 9999}) {
      EXPECT_EQ(get(offset, size),
                all_.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(size)));
    }
  }
}

TEST_F(OutputGetTest, BehindTheEndIsNothing) {
  EXPECT_EQ(get(static_cast<std::int64_t>(all_.size()), 10), "");
  EXPECT_EQ(get(1'000'000'000, 10), "");
}

TEST_F(OutputGetTest, WhileCodeRuns) {
  const Json id = server_.start("print('go')\nwhile True: pass");
  server_.read_line();
  EXPECT_EQ(get(100, 10), all_.substr(100, 10));
  server_.interrupt(id);
  server_.finish(id);
}

TEST_F(OutputGetTest, OfWhatIsNotKeptIsAnError) {
  for (const int count : {2, 999}) {
    EXPECT_EQ(output_get(server_, count, 0, 10)["type"], "protocol_error");
  }
  EXPECT_EQ(output_get(server_, 1, 0, 10, "stderr")["type"], "protocol_error");
  EXPECT_EQ(server_.execute("'alive'").value(), "alive");
}

TEST_F(OutputGetTest, BytesOfASplitCharacterAreBase64) {
  const Execution execution =
      server_.execute("print('\U0001f600' * 100, end='')", {{"output_limit", 20}});
  const Json reply = output_get(server_, execution.terminal["execution_count"], 13, 2);
  EXPECT_EQ(decode_base64(reply["data"].get<std::string>()), "\x9f\x98");
}

TEST_F(OutputGetTest, TheNewest64MiBAreKept) {
  for (int n = 0; n < 3; ++n) {
    server_.execute("for n in range(300): print('x' * 99_999)", {{"output_limit", 100}});
  }
  EXPECT_EQ(output_get(server_, 1, 0, 10)["type"], "protocol_error");
  EXPECT_EQ(output_get(server_, 2, 0, 10)["type"], "protocol_error");
  const Json reply = output_get(server_, 4, 29'999'990, 100);
  EXPECT_EQ(reply["total"], 30'000'000);
  EXPECT_EQ(decode_base64(reply["data"].get<std::string>()), "xxxxxxxxx\n");
}

}  // namespace
}  // namespace replwire_tests
