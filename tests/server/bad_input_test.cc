// Every kind of line that is no good frame: the protocol_error that the contract names, with the
// line's number, and the next good frame answered.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

struct Bad : Case {
  std::string line;
  const char* code;
  Json id = nullptr;
};

class BadInputTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadInputTest, IsRefusedAndTheNextGoodFrameAnswered) {
  ServerProcess server;
  server.send_line(R"({"type":"status","id":"before"})");
  server.send_line(GetParam().line);
  const Json id = server.start("6 * 7");
  const Json error = server.read_until("protocol_error").back();
  EXPECT_EQ(error["code"], GetParam().code) << error;
  EXPECT_EQ(error["line"], 2) << error;
  EXPECT_EQ(error.value("id", Json()), GetParam().id) << error;
  EXPECT_TRUE(error["message"].is_string() && !error["message"].empty()) << error;
  EXPECT_EQ(server.finish(id).value(), 42);
}

std::string nested(int depth) {
  return R"({"type":"status","id":"deep","x":)" +
         std::string(static_cast<std::size_t>(depth), '[') +
         std::string(static_cast<std::size_t>(depth), ']') + "}";
}

std::vector<Bad> malformed_lines() {
  return {
      {"Word", "nonsense", "invalid_json"},
      {"HalfAnObject", R"({"type":"execute","code":"1")", "invalid_json"},
      {"OpenBrace", "{", "invalid_json"},
      {"TwoOnALine", R"({"type":"status","id":1}{"type":"status","id":2})", "invalid_json"},
      {"Trailing", R"({"type":"status","id":1} x)", "invalid_json"},
      {"SingleQuotes", "{'type':'status'}", "invalid_json"},
      {"RawControlCharacter", "{\"type\":\"status\",\"id\":\"a\x01\"}", "invalid_json"},
      {"NullByte", std::string("{\"type\":\0\"status\"}", 18), "invalid_json"},
      {"TrailingComma", R"({"type":"status","id":"a",})", "invalid_json"},
      {"BadEscape", R"({"type":"status","id":"\q"})", "invalid_json"},
      {"InvalidUtf8", "{\"type\":\"execute\",\"code\":\"\xff\"}", "invalid_utf8"},
      {"OverlongUtf8", "{\"type\":\"execute\",\"code\":\"\xc0\xaf\"}", "invalid_utf8"},
      {"EncodedSurrogate", "{\"type\":\"execute\",\"code\":\"\xed\xa0\x80\"}", "invalid_utf8"},
      {"CutUtf8", "{\"type\":\"execute\",\"code\":\"\xe4\xb8\"}", "invalid_utf8"},
      {"BinaryGarbage", "\x80\x81\xfe\xff", "invalid_utf8"},
      {"List", "[]", "not_an_object"},
      {"Number", "5", "not_an_object"},
      {"Text", "\"execute\"", "not_an_object"},
      {"Null", "null", "not_an_object"},
      {"True", "true", "not_an_object"},
      {"Nested100000Deep", nested(100'000), "too_deep", "deep"},
      {"Nested70Deep", nested(70), "too_deep", "deep"},
      {"Unclosed100000Deep", std::string(100'000, '['), "too_deep"},
      {"NestedObjects",
       R"({"type":"status","id":"d","x":)" +
           [] {
             std::string text;
             for (int n = 0; n < 1000; ++n) text += R"({"a":)";
             return text + "1" + std::string(1000, '}');
           }() +
           "}",
       "too_deep", "d"},
  };
}

std::vector<Bad> wrong_fields() {
  return {
      {"NoType", R"({"code":"1"})", "missing_field"},
      {"EmptyObject", "{}", "missing_field"},
      {"NoCode", R"({"type":"execute","id":"e"})", "missing_field", "e"},
      {"StatusWithoutId", R"({"type":"status"})", "missing_field"},
      {"ResetWithoutId", R"({"type":"reset"})", "missing_field"},
      {"UnknownType", R"({"type":"frobnicate","id":"u"})", "unknown_type", "u"},
      {"EmptyType", R"({"type":""})", "unknown_type"},
      {"ReplyAsRequest", R"({"type":"result","id":7})", "unknown_type", 7},
      {"TypeIsNumber", R"({"type":5,"id":"t"})", "invalid_field", "t"},
      {"CodeIsNumber", R"({"type":"execute","id":"c","code":5})", "invalid_field", "c"},
      {"CodeIsList", R"({"type":"execute","id":8,"code":["1"]})", "invalid_field", 8},
      {"IdIsTrue", R"({"type":"execute","id":true,"code":"1"})", "invalid_field"},
      {"IdIsFraction", R"({"type":"execute","id":1.5,"code":"1"})", "invalid_field"},
      {"IdIsList", R"({"type":"execute","id":[1],"code":"1"})", "invalid_field"},
      {"IdIsTooLarge", R"({"type":"execute","id":9007199254740993,"code":"1"})", "invalid_field"},
      {"IdIsTooSmall", R"({"type":"execute","id":-9007199254740993,"code":"1"})", "invalid_field"},
      {"IdIsHuge", R"({"type":"execute","id":99999999999999999999999,"code":"1"})",
       "invalid_field"},
      {"FilenameIsNumber", R"({"type":"execute","id":"e","code":"1","filename":5})",
       "invalid_field", "e"},
      {"FirstLineIsText", R"({"type":"execute","id":"e","code":"1","first_line":"5"})",
       "invalid_field", "e"},
      {"InputsIsText", R"({"type":"execute","id":"e","code":"1","inputs":"abc"})", "invalid_field",
       "e"},
      {"InputsHoldNumbers", R"({"type":"execute","id":"e","code":"1","inputs":["a",1]})",
       "invalid_field", "e"},
      {"OnInputIsNumber", R"({"type":"execute","id":"e","code":"1","on_input":1})", "invalid_field",
       "e"},
      {"SilentIsText", R"({"type":"execute","id":"e","code":"1","silent":"yes"})", "invalid_field",
       "e"},
      {"StopOnErrorIsNumber", R"({"type":"execute","id":"e","code":"1","stop_on_error":1})",
       "invalid_field", "e"},
      {"ReprLimitIsText", R"({"type":"execute","id":"e","code":"1","repr_limit":"1"})",
       "invalid_field", "e"},
      {"ReprLimitIsNegative", R"({"type":"execute","id":"e","code":"1","repr_limit":-1})",
       "invalid_field", "e"},
      {"DataIsNumber", R"({"type":"input_response","data":5})", "invalid_field"},
      {"EofIsText", R"({"type":"input_response","eof":"yes"})", "invalid_field"},
      {"NobodyAsked", R"({"type":"input_response","input_id":"none","data":"x"})",
       "unknown_input_id"},
  };
}

INSTANTIATE_TEST_SUITE_P(Malformed, BadInputTest, ::testing::ValuesIn(malformed_lines()),
                         CaseName{});
INSTANTIATE_TEST_SUITE_P(Fields, BadInputTest, ::testing::ValuesIn(wrong_fields()), CaseName{});

TEST(BadInputTest, MessageNamesFrameAndField) {
  ServerProcess server;
  server.send_line(R"({"type":"execute","code":5})");
  const std::string message = server.read_frame()["message"];
  EXPECT_NE(message.find("execute"), std::string::npos) << message;
  EXPECT_NE(message.find("code"), std::string::npos) << message;
}

TEST(BadInputTest, MessageAboutAnUnknownTypeNamesTheKnownOnes) {
  ServerProcess server;
  server.send_line(R"({"type":"exekute"})");
  EXPECT_NE(server.read_frame()["message"].get<std::string>().find("execute"), std::string::npos);
}

TEST(BadInputTest, ARefusalIsTheOnlyAnswer) {
  ServerProcess server;
  server.send_line(R"({"type":"execute","id":"e","code":5})");
  EXPECT_EQ(types_of(server.frames_before_status()), std::vector<std::string>{"protocol_error"});
}

TEST(BadInputTest, LinesAreCountedBlankOnesToo) {
  ServerProcess server;
  server.send_bytes("\n\r\n{\n\n[]\n");
  EXPECT_EQ(server.read_frame()["line"], 3);
  EXPECT_EQ(server.read_frame()["line"], 5);
}

TEST(BadInputTest, NothingQueuedIsLost) {
  ServerProcess server;
  const Json blocked = server.start("input()");
  const Json request = server.await_input();
  std::vector<Json> ids;
  for (const Bad& bad : malformed_lines()) {
    ids.push_back(server.start("'" + std::string(bad.name) + "'"));
    server.send_line(bad.line);
  }
  server.answer(request["id"], "go");
  EXPECT_EQ(server.finish(blocked).value(), "go");
  std::size_t at = 0;
  for (const Bad& bad : malformed_lines()) ASSERT_EQ(server.finish(ids[at++]).value(), bad.name);
}

TEST(BadInputTest, SixtyDeepIsFine) {
  ServerProcess server;
  server.send_line(nested(60));
  EXPECT_EQ(server.read_frame()["type"], "status_reply");
}

TEST(BadInputTest, FifteenMebibytesAreFine) {
  ServerProcess server;
  EXPECT_EQ(server.execute("1 #" + std::string(15 * 1024 * 1024, 'x')).value(), 1);
}

TEST(BadInputTest, LimitCanBeSet) {
  ServerProcess server(options({"--max-frame-bytes", "1000"}));
  EXPECT_EQ(server.execute("1 #" + std::string(800, 'x')).value(), 1);
  server.send_line(R"({"type":"execute","code":")" + std::string(1000, '1') + "\"}");
  EXPECT_EQ(server.read_frame()["code"], "frame_too_large");
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(BadInputTest, ATooLongLineMayComeInPieces) {
  ServerProcess server(options({"--max-frame-bytes", "1000"}));
  for (int n = 0; n < 20; ++n) server.send_bytes(std::string(500, 'x'));
  server.send_bytes("\n");
  EXPECT_EQ(server.read_frame()["code"], "frame_too_large");
  EXPECT_EQ(server.frames_before_status().size(), 0u);
}

TEST(BadInputTest, ALineOverTheLimitIsRefusedAndTheNextAnswered) {
  ServerProcess server;
  server.send_line(R"({"type":"execute","code":")" + std::string(17 * 1024 * 1024, 'x') + "\"}");
  const Json error = server.read_until("protocol_error").back();
  EXPECT_EQ(error["code"], "frame_too_large");
  EXPECT_EQ(error["line"], 1);
  EXPECT_EQ(server.execute("6 * 7").value(), 42);
}

// An id stands in every output frame: one of 61,371 characters left no room there for anything
// else, and the server wrote empty frames for ever.
TEST(BadInputTest, AnIdLeavesRoomForOutput) {
  ServerProcess server;
  const std::size_t most = server.ready()["limits"]["id_bytes"];
  for (const std::size_t size : {most + 1, std::size_t{61'371}}) {
    server.send({{"type", "execute"}, {"id", std::string(size, 'x')}, {"code", "1"}});
    const Json error = server.read_until("protocol_error").back();
    EXPECT_EQ(error["code"], "invalid_field");
    EXPECT_EQ(error["message"], "execute: /id: must be at most 4096 bytes");
  }
  const std::string id(most, '\x01');  // each a \u0001 on the wire
  server.send({{"type", "execute"}, {"id", id}, {"code", "print('\\x02' * 20_000, end='')"}});
  EXPECT_TRUE(server.finish(id).out == std::string(20'000, '\x02'));
}

// Its thread cannot be started.
TEST(BadInputTest, ARequestThatCannotBeServedCostsOnlyItself) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute("import resource\n"
                           "size = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
                           "resource.setrlimit(resource.RLIMIT_AS, (size + 2**20, -1))")
                  .ok());
  server.send_bytes(R"({"type":"complete","id":"c","code":"pri"})"
                    "\n"
                    R"({"type":"status","id":"s"})"
                    "\n");
  const std::vector<Json> frames = server.read_until("status_reply");
  ASSERT_EQ(frames.size(), 2U) << server.describe();
  EXPECT_EQ(frames[0]["code"], "internal");
  EXPECT_EQ(frames[0]["id"], "c");
  EXPECT_EQ(frames[0]["line"], 2);
  EXPECT_TRUE(server.execute("resource.setrlimit(resource.RLIMIT_AS, (-1, -1))").ok());
  server.send({{"type", "complete"}, {"id", "d"}, {"code", "pri"}});
  EXPECT_EQ(server.read_until("complete_reply").back()["id"], "d");
}

}  // namespace
}  // namespace replwire_tests
