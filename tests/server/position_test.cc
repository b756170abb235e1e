// --position-encoding: what columns and cursor positions count, in both directions.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

struct Encoding : Case {
  const char* encoding;
  int wide;  // units of 😀
  int umlaut;
};

const Encoding kEncodings[] = {
    {"Utf8", "utf-8", 4, 2}, {"Utf16", "utf-16", 2, 1}, {"Utf32", "utf-32", 1, 1}};

class PositionTest : public ::testing::TestWithParam<Encoding> {
 protected:
  ServerProcess server_{options({"--position-encoding", GetParam().encoding})};
};

INSTANTIATE_TEST_SUITE_P(Encodings, PositionTest, ::testing::ValuesIn(kEncodings), CaseName{});

TEST_P(PositionTest, ReadyNamesIt) {
  EXPECT_EQ(server_.ready()["position_encoding"], GetParam().encoding);
}

TEST_P(PositionTest, ACursorIsCountedSo) {
  const int before = GetParam().wide + GetParam().umlaut + 4;  // '😀ü';␣
  ASSERT_TRUE(server_.execute("import os").ok());
  const Json told = request(
      server_,
      {{"type", "complete"}, {"code", "'😀ü';os.getpi ;'😀'"}, {"cursor_pos", before - 1 + 8}});
  EXPECT_EQ(told["matches"], Json::array({"getpid"})) << told;
  EXPECT_EQ(told["cursor_start"], before - 1 + 3);
  EXPECT_EQ(told["cursor_end"], before - 1 + 8);
  const Json entry = told["metadata"]["_jupyter_types_experimental"][0];
  EXPECT_EQ(entry["start"], told["cursor_start"]);
  EXPECT_EQ(entry["end"], told["cursor_end"]);
  const Json inspected = request(
      server_,
      {{"type", "inspect"}, {"code", "'😀ü';os.getpid ;'😀'"}, {"cursor_pos", before - 1 + 9}});
  EXPECT_EQ(inspected["found"], true) << inspected;
}

TEST_P(PositionTest, ColumnsOfATracebackAre) {
  const Execution execution = server_.execute("x = 1\n'😀ü', (missing, 'ü')");
  const Json frame = execution.terminal["frames"].back();
  EXPECT_EQ(frame["line"], 2) << execution;
  if (!frame.contains("column")) return;  // before 3.11
  EXPECT_EQ(frame["column"], 5 + GetParam().wide + GetParam().umlaut) << execution;
  EXPECT_EQ(frame["end_column"], 12 + GetParam().wide + GetParam().umlaut) << execution;
}

TEST_P(PositionTest, TheEndOfAnExpressionOverLinesIs) {
  const Execution execution = server_.execute("int('x',\n  base='😀')");
  const Json frame = execution.terminal["frames"].back();
  if (!frame.contains("column")) return;
  EXPECT_EQ(frame["end_line"], 2) << execution;
  EXPECT_EQ(frame["end_column"], 10 + GetParam().wide) << execution;
}

TEST_P(PositionTest, ThePlaceOfASyntaxErrorIs) {
  const Execution execution = server_.execute("'😀ü'; x = = 1");
  const Json frame = execution.terminal["frames"].back();
  EXPECT_EQ(frame["column"], 8 + GetParam().wide + GetParam().umlaut) << execution;
}

TEST(PositionTest, HoldsWithSurvive) {
  ServerProcess server(surviving({"--position-encoding", "utf-16"}));
  EXPECT_EQ(server.ready()["position_encoding"], "utf-16");
  const Execution execution = server.execute("'😀'; x = = 1");
  EXPECT_EQ(execution.terminal["frames"].back()["column"], 10) << execution;
}

}  // namespace
}  // namespace replwire_tests
