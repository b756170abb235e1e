// What the server takes for a frame, and how ids travel.
#include <gtest/gtest.h>

#include "support/server_process.h"

namespace replwire_tests {
namespace {

TEST(FramingTest, CarriageReturnBeforeTheNewlineIsTaken) {
  ServerProcess server;
  server.send_bytes("{\"type\":\"status\",\"id\":\"a\"}\r\n");
  EXPECT_EQ(server.read_frame()["id"], "a");
}

TEST(FramingTest, BlankLinesAreSkipped) {
  ServerProcess server;
  server.send_bytes("\n\r\n\n{\"type\":\"status\",\"id\":\"a\"}\n\n");
  EXPECT_EQ(server.read_frame()["id"], "a");
  EXPECT_TRUE(server.frames_before_status().empty());
}

TEST(FramingTest, LeadingByteOrderMarkIsSkipped) {
  ServerProcess server;
  server.send_bytes("\xef\xbb\xbf{\"type\":\"status\",\"id\":\"a\"}\n");
  EXPECT_EQ(server.read_frame()["id"], "a");
}

TEST(FramingTest, SpacesAroundAFrameAreFine) {
  ServerProcess server;
  server.send_line("  { \"type\" : \"status\" ,\t\"id\" : \"a\" }  ");
  EXPECT_EQ(server.read_frame()["id"], "a");
}

TEST(FramingTest, LastLineWithoutNewlineIsTakenWhenWhole) {
  ServerProcess server;
  server.send_bytes(R"({"type":"execute","id":"last","code":"6 * 7"})");
  server.close_stdin();
  EXPECT_EQ(server.finish("last").value(), 42);
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(FramingTest, HalfAFrameAtTheEndIsRefused) {
  ServerProcess server;
  server.send_bytes("{\"type\":\"execute\",\"id\":\"whole\",\"code\":\"1\"}\n{\"type\":\"exec");
  server.close_stdin();
  const Json error = server.read_until("protocol_error").back();
  EXPECT_EQ(error["code"], "invalid_json");
  EXPECT_EQ(error["line"], 2);
  EXPECT_EQ(server.finish("whole").value(), 1);
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(FramingTest, AFrameMayComeByteByByte) {
  ServerProcess server;
  const std::string line = "{\"type\":\"status\",\"id\":\"\u00fc\U0001f600\"}\n";
  for (char byte : line) server.send_bytes(std::string_view(&byte, 1));
  EXPECT_EQ(server.read_frame()["id"], "\u00fc\U0001f600");
}

TEST(FramingTest, ManyFramesMayComeInOneWrite) {
  ServerProcess server;
  std::string bytes;
  for (int n = 0; n < 1000; ++n) {
    bytes += R"({"type":"status","id":)" + std::to_string(n) + "}\n";
  }
  server.send_bytes(bytes);
  for (int n = 0; n < 1000; ++n) ASSERT_EQ(server.read_frame()["id"], n);
}

TEST(FramingTest, TypeMayBeInAnyCase) {
  ServerProcess server;
  for (const char* type : {"STATUS", "Status", "sTaTuS"}) {
    server.send({{"type", type}, {"id", "a"}});
    EXPECT_EQ(server.read_frame()["type"], "status_reply");
  }
  server.send({{"type", "EXECUTE"}, {"id", "x"}, {"code", "1"}});
  EXPECT_EQ(server.finish("x").value(), 1);
}

TEST(FramingTest, UnknownFieldsAreIgnored) {
  ServerProcess server;
  const Json extra{{"colour", "blue"}, {"nested", {{"a", {1, 2, {{"b", nullptr}}}}}}};
  EXPECT_EQ(server.execute("1", extra).value(), 1);
}

TEST(FramingTest, OptionalFieldsThatAreNullCountAsAbsent) {
  ServerProcess server;
  const Execution execution = server.execute("1", {{"filename", nullptr},
                                                   {"first_line", nullptr},
                                                   {"inputs", nullptr},
                                                   {"on_input", nullptr},
                                                   {"timeout", nullptr},
                                                   {"grace", nullptr},
                                                   {"timeout_includes_input", nullptr},
                                                   {"repr_limit", nullptr},
                                                   {"silent", nullptr},
                                                   {"stop_on_error", nullptr},
                                                   {"output_limit", nullptr}});
  EXPECT_EQ(execution.value(), 1);
}

TEST(FramingTest, IdsComeBackAsTheyWere) {
  ServerProcess server;
  const Json ids = Json::array({"text", "", " ", "\u00fc\U0001f600", "a\nb\"c\\", 0, 7, -7,
                                9007199254740992, -9007199254740992, std::string(1000, 'i')});
  for (const Json& id : ids) {
    server.send({{"type", "status"}, {"id", id}});
    EXPECT_EQ(server.read_frame()["id"], id);
    const Execution execution = server.execute("1", {{"id", id}});
    EXPECT_EQ(execution.terminal["execution_id"], id);
    EXPECT_EQ(execution.terminal["execution_id"].type_name(), std::string(id.type_name()));
  }
}

TEST(FramingTest, AnExecuteWithoutIdGetsOne) {
  ServerProcess server;
  server.send({{"type", "execute"}, {"code", "1"}});
  server.send({{"type", "execute"}, {"code", "2"}, {"id", nullptr}});
  const Json first = server.read_frame();
  const Json second = server.read_frame();
  EXPECT_EQ(first["value"], 1);
  EXPECT_EQ(second["value"], 2);
  EXPECT_TRUE(first["execution_id"].is_string());
  EXPECT_TRUE(second["execution_id"].is_string());
  EXPECT_NE(first["execution_id"], second["execution_id"]);
}

TEST(FramingTest, AnIdMayBeUsedAgainAfterItsTerminalFrame) {
  ServerProcess server;
  for (int n = 0; n < 300; ++n) {
    ASSERT_EQ(server.execute(std::to_string(n), {{"id", "same"}}).value(), n);
  }
}

TEST(FramingTest, AnIdInUseIsADuplicate) {
  ServerProcess server;
  const Json running = server.start("input()", {{"id", "running"}});
  const Json request = server.await_input();
  server.start("'queued'", {{"id", "queued"}});
  for (const char* id : {"running", "queued"}) {
    server.send({{"type", "execute"}, {"id", id}, {"code", "'the newcomer'"}});
    const Json error = server.read_frame();
    EXPECT_EQ(error["code"], "duplicate_id");
    EXPECT_EQ(error["id"], id);
  }
  server.answer(request["id"], "first");
  EXPECT_EQ(server.finish("running").value(), "first");
  EXPECT_EQ(server.finish("queued").value(), "queued");
  EXPECT_TRUE(server.frames_before_status().empty());
}

TEST(FramingTest, StrangeButValidFramesAreAnswered) {
  ServerProcess server;
  for (const char* line :
       {R"({"type":"status","id":"a","x":1e999})",
        R"({"type":"status","id":"a","x":123456789012345678901234567890})",
        R"({"type":"status","id":"a","x":"\ud800"})", R"({"type":"status","id":"a","id":"b"})"}) {
    server.send_line(line);
    // Which of the two answers is not promised; that the session goes on is.
    const Json frame = server.read_frame();
    EXPECT_TRUE(frame["type"] == "status_reply" || frame["type"] == "protocol_error") << frame;
    EXPECT_EQ(server.execute("1").value(), 1);
  }
}

}  // namespace
}  // namespace replwire_tests
