// Comms with the real packages `comm` and `ipywidgets`, from a virtual environment that
// scripts/test makes and names in $REPLWIRE_TOOLS.
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

const char* const kTarget = R"(
import comm
seen = []
def opened(c, message):
    seen.append(('open', message['content']['data'], message['metadata']))
    c.on_msg(lambda m: (seen.append(('msg', m['content']['data'], [bytes(b).hex() for b in m['buffers']])),
                        print('got', m['content']['data']),
                        c.send({'echo': m['content']['data']}, {'kind': 'echo'}, m['buffers'])))
    c.on_close(lambda m: seen.append(('close', m['content']['data'])))
comm.get_comm_manager().register_target('echo', opened)
)";

class CommTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const char* python = std::getenv("REPLWIRE_TOOLS");
    if (python == nullptr) GTEST_SKIP() << "no $REPLWIRE_TOOLS: scripts/test sets it";
    std::vector<std::string> words = {"--python", python};
    if (GetParam()) words.emplace_back("--survive");
    server_.emplace(options(words));
  }

  void send(const char* type, const Json& id, Json fields) {
    fields["type"] = type;
    if (!id.is_null()) fields["id"] = id;
    server_->send(fields);
  }

  void open_echo() {
    ASSERT_TRUE(server_->execute(kTarget).ok());
    send("comm_open", "open", {{"comm_id", "c"}, {"target_name", "echo"}, {"data", {{"a", 1}}}});
    EXPECT_EQ(server_->finish("open").terminal["type"], "result");
  }

  std::optional<ServerProcess> server_;
};

INSTANTIATE_TEST_SUITE_P(Modes, CommTest, ::testing::Bool(),
                         [](const auto& given) { return given.param ? "Survive" : "Local"; });

TEST_P(CommTest, AMessageReachesItsHandlerAndTheAnswerTheClient) {
  open_echo();
  send("comm_msg", "m", {{"comm_id", "c"}, {"data", {{"n", 7}}}, {"buffers", {"AAEC", "/w=="}}});
  const Execution handled = server_->finish("m");
  EXPECT_TRUE(handled.ok()) << handled;
  EXPECT_EQ(handled.out, "got {'n': 7}\n");
  EXPECT_EQ(handled.terminal["execution_count"], nullptr);
  const Json echo = frame_of(handled.frames, "comm_msg");
  EXPECT_EQ(echo["execution_id"], "m") << handled;
  EXPECT_EQ(echo["comm_id"], "c");
  EXPECT_EQ(echo["data"], (Json{{"echo", {{"n", 7}}}}));
  EXPECT_EQ(echo["metadata"], (Json{{"kind", "echo"}}));
  EXPECT_EQ(echo["buffers"], Json::array({"AAEC", "/w=="}));
  send("comm_close", "x", {{"comm_id", "c"}, {"data", {{"bye", true}}}});
  server_->finish("x");
  EXPECT_EQ(server_
                ->execute("seen[1:] == [('msg', {'n': 7}, ['000102', 'ff']), "
                          "('close', {'bye': True})] and 'c' not in comm.get_comm_manager().comms")
                .value(),
            true)
      << server_->execute("seen");
}

TEST_P(CommTest, AMessageTakesItsTurnAmongTheExecutions) {
  open_echo();
  const Json asks = server_->start("input()\nlen(seen)");
  const Json question = server_->await_input();
  send("comm_msg", nullptr, {{"comm_id", "c"}, {"data", 1}});
  const Json behind = server_->start("len(seen)");
  for (const Json& frame : server_->frames_before_status()) EXPECT_NE(frame["type"], "comm_msg");
  server_->answer(question["id"], "");
  EXPECT_EQ(server_->finish(asks).value(), 1);
  EXPECT_EQ(server_->finish(behind).value(), 2);
}

TEST_P(CommTest, WithoutAnIdNothingSaysThatItIsDone) {
  open_echo();
  send("comm_msg", nullptr, {{"comm_id", "c"}, {"data", 1}});
  const Json after = server_->start("1");
  const std::vector<Json> frames = server_->read_until(
      [&after](const Json& frame) { return is_terminal(frame) && frame["execution_id"] == after; });
  for (const Json& frame : frames) {
    if (is_terminal(frame)) {
      EXPECT_EQ(frame["execution_id"], after) << frame;
    }
    if (frame["type"] == "output") {
      EXPECT_TRUE(frame["execution_id"].is_string()) << frame;
    }
  }
  EXPECT_FALSE(frame_of(frames, "comm_msg").is_null());
  EXPECT_EQ(server_->execute("1").terminal["execution_count"], 3) << "messages are not counted";
}

TEST_P(CommTest, ATargetThatNobodyKnowsIsClosed) {
  for (const char* code : {"import sys", "import comm"}) {
    ASSERT_TRUE(server_->execute(code).ok());
    send("comm_open", "o", {{"comm_id", "x"}, {"target_name", "none"}, {"data", Json::object()}});
    const Execution handled = server_->finish("o");
    EXPECT_TRUE(handled.ok()) << handled;
    EXPECT_EQ(frame_of(handled.frames, "comm_close")["comm_id"], "x") << handled;
    send("comm_msg", "m", {{"comm_id", "nobody"}, {"data", 1}});
    EXPECT_TRUE(server_->finish("m").ok());
  }
}

TEST_P(CommTest, AHandlerThatRaisesIsTold) {
  ASSERT_TRUE(server_
                  ->execute("import comm\n"
                            "def opened(c, m): c.on_msg(lambda m: 1 / 0)\n"
                            "def refused(c, m): raise ValueError('not you')\n"
                            "comm.get_comm_manager().register_target('bad', opened)\n"
                            "comm.get_comm_manager().register_target('worse', refused)")
                  .ok());
  send("comm_open", "o", {{"comm_id", "x"}, {"target_name", "bad"}, {"data", Json::object()}});
  server_->finish("o");
  send("comm_msg", "m", {{"comm_id", "x"}, {"data", Json::object()}});
  const Execution handled = server_->finish("m");
  EXPECT_TRUE(handled.ok()) << handled;
  EXPECT_NE(handled.err.find("ZeroDivisionError"), std::string::npos) << handled;
  send("comm_open", "w", {{"comm_id", "y"}, {"target_name", "worse"}, {"data", Json::object()}});
  const Execution refused = server_->finish("w");
  EXPECT_NE(refused.err.find("not you"), std::string::npos) << refused;
  EXPECT_EQ(frame_of(refused.frames, "comm_close")["comm_id"], "y") << refused;
}

TEST_P(CommTest, AnErrorIsToldAlsoWhenCodeHasReplacedItsStreams) {
  ASSERT_TRUE(server_
                  ->execute("import comm, io, sys\n"
                            "manager = comm.get_comm_manager()\n"
                            "manager.comm_open = lambda *args: 1 / 0\n"
                            "sys.stdout = io.StringIO()")
                  .ok());
  send("comm_open", "o", {{"comm_id", "x"}, {"target_name", "any"}, {"data", Json::object()}});
  EXPECT_EQ(server_->finish("o").exception(), "ZeroDivisionError");
}

TEST_P(CommTest, NumbersAndTextArriveAsTheyWereSent) {
  ASSERT_TRUE(server_
                  ->execute("import comm\nseen = []\n"
                            "comm.get_comm_manager().register_target('t', lambda c, m: "
                            "seen.append(m['content']['data']))")
                  .ok());
  server_->send_line(
      R"({"type": "comm_open", "id": "o", "comm_id": "x", "target_name": "t", "data": 123456789012345678901234567890})");
  server_->finish("o");
  server_->send_line(
      R"({"type": "comm_open", "id": "p", "comm_id": "y", "target_name": "t", "data": "\ud800"})");
  server_->finish("p");
  EXPECT_EQ(server_->execute("seen == [123456789012345678901234567890, '\\ud800']").value(), true);
}

TEST_P(CommTest, AHandlerThatHangsCanBeInterrupted) {
  ASSERT_TRUE(server_
                  ->execute("import comm\n"
                            "def opened(c, m): input('waits')\n"
                            "comm.get_comm_manager().register_target('hangs', opened)")
                  .ok());
  send("comm_open", "o", {{"comm_id", "x"}, {"target_name", "hangs"}, {"data", Json::object()}});
  const Json question = server_->await_input();
  EXPECT_EQ(question["execution_id"], "o");
  EXPECT_EQ(server_->interrupt("o")["outcome"], "delivered");
  EXPECT_EQ(server_->finish("o").reason(), "interrupt");
  EXPECT_EQ(server_->execute("1").value(), 1);
}

TEST_P(CommTest, ACommThatCodeOpensSendsItsMessagesInOrder) {
  const Execution execution = server_->execute(
      "import comm\nprint('before')\n"
      "c = comm.create_comm(target_name='plot', data={'x': [1, 2.5, None]}, metadata={'v': 1})\n"
      "c.send({'y': float('nan')}, buffers=[b'ab', memoryview(b'cd'), "
      "bytearray(b'ef')])\nc.close()\nc.close()");
  ASSERT_TRUE(execution.ok()) << execution;
  std::vector<std::string> types;
  for (const Json& frame : execution.frames) types.push_back(frame["type"]);
  EXPECT_EQ(types,
            (std::vector<std::string>{"output", "comm_open", "comm_msg", "comm_close", "result"}))
      << execution;
  const Json opened = frame_of(execution.frames, "comm_open");
  EXPECT_EQ(opened["target_name"], "plot");
  EXPECT_EQ(opened["data"], (Json{{"x", {1, 2.5, nullptr}}}));
  EXPECT_EQ(opened["metadata"], (Json{{"v", 1}}));
  EXPECT_EQ(opened["execution_id"], execution.terminal["execution_id"]);
  const Json message = frame_of(execution.frames, "comm_msg");
  EXPECT_EQ(message["buffers"], Json::array({"YWI=", "Y2Q=", "ZWY="}));
  EXPECT_EQ(message["data"], (Json{{"y", nullptr}}));
}

TEST_P(CommTest, ADataThatIsNoJsonIsATypeErrorWhereItIsSent) {
  const Execution execution = server_->execute(
      "import comm\nc = comm.create_comm(target_name='x')\nc.send({'a': object()})");
  EXPECT_EQ(execution.exception(), "TypeError") << execution;
}

TEST_P(CommTest, ASliderCallsPythonWhenItIsDragged) {
  const Execution made = server_->execute(
      "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\n"
      "slider.observe(lambda change: print('now', change['new']), 'value')\nslider");
  ASSERT_TRUE(made.ok()) << made;
  const Json view = made.terminal["display"]["application/vnd.jupyter.widget-view+json"];
  const Json model = view["model_id"];
  ASSERT_TRUE(model.is_string()) << made;
  bool opened = false;
  for (const Json& frame : made.frames) {
    opened = opened || (frame["type"] == "comm_open" && frame["comm_id"] == model &&
                        frame["target_name"] == "jupyter.widget");
  }
  EXPECT_TRUE(opened) << made;
  send("comm_msg", "drag",
       {{"comm_id", model}, {"data", {{"method", "update"}, {"state", {{"value", 42}}}}}});
  const Execution dragged = server_->finish("drag");
  EXPECT_EQ(dragged.out, "now 42\n") << dragged;
  EXPECT_EQ(server_->execute("slider.value").value(), 42);
}

TEST(CommFieldsTest, BadOnesAreNamed) {
  ServerProcess server;
  const auto message_of = [&server](const Json& frame) {
    server.send(frame);
    const Json error = server.read_until("protocol_error").back();
    return error["code"].get<std::string>() + " " + error["message"].get<std::string>();
  };
  EXPECT_EQ(
      message_of({{"type", "comm_msg"}, {"comm_id", "c"}, {"data", 1}, {"buffers", {"AAEC", "*"}}}),
      "invalid_field comm_msg: /buffers/1: must be base64");
  EXPECT_EQ(message_of({{"type", "comm_msg"}, {"comm_id", "c"}, {"data", 1}, {"buffers", "AAEC"}}),
            "invalid_field comm_msg: /buffers: must be a list of strings");
  EXPECT_EQ(message_of({{"type", "comm_msg"}, {"comm_id", "c"}, {"data", 1}, {"metadata", {1}}}),
            "invalid_field comm_msg: /metadata: must be an object");
  EXPECT_EQ(message_of({{"type", "comm_msg"}, {"comm_id", 5}, {"data", 1}}),
            "invalid_field comm_msg: /comm_id: must be a string");
  EXPECT_EQ(message_of({{"type", "comm_open"}, {"comm_id", "c"}, {"data", 1}}),
            "missing_field comm_open: /target_name: is missing");
  EXPECT_EQ(message_of({{"type", "comm_close"}, {"comm_id", "c"}}),
            "missing_field comm_close: /data: is missing");
}

}  // namespace
}  // namespace replwire_tests
