// `ready`, `status` and `reset`: the session about itself.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

TEST(ReadyTest, HasItsFields) {
  ServerProcess server;
  const Json& ready = server.ready();
  EXPECT_EQ(ready["type"], "ready");
  EXPECT_EQ(ready["protocol"], 1);
  EXPECT_EQ(ready["pid"], server.pid());
  EXPECT_TRUE(ready["session_id"].is_string() && ready["session_id"] != "");
  EXPECT_TRUE(ready["server"]["name"].is_string());
  EXPECT_TRUE(ready["server"]["version"].is_string());
  for (const char* field : {"version", "implementation", "executable", "prefix"}) {
    EXPECT_TRUE(ready["python"][field].is_string()) << field;
  }
  EXPECT_TRUE(ready["python"]["pid"].is_number_integer());
  EXPECT_TRUE(ready["limits"].is_object() && !ready["limits"].empty());
}

TEST(ReadyTest, ComesOnce) {
  ServerProcess server;
  server.execute("1");
  server.close_stdin();
  for (const Json& frame : server.read_to_end()) EXPECT_NE(frame["type"], "ready");
}

TEST(ReadyTest, SessionsHaveDifferentIds) {
  ServerProcess one;
  ServerProcess two;
  EXPECT_NE(one.ready()["session_id"], two.ready()["session_id"]);
}

TEST(ReadyTest, CapabilitiesListTheFieldsOfARequest) {
  ServerProcess server;
  const Json capabilities = server.ready()["capabilities"];
  ASSERT_TRUE(capabilities.is_object());
  const auto lists = [&](const char* type, const char* field) {
    const Json fields = capabilities.value(type, Json::array());
    return std::ranges::find(fields, field) != fields.end();
  };
  for (const char* field : {"code", "id", "filename", "first_line", "inputs", "on_input",
                            "repr_limit", "silent", "stop_on_error"}) {
    EXPECT_TRUE(lists("execute", field)) << field;
  }
  for (const char* field : {"input_id", "data", "eof", "error"}) {
    EXPECT_TRUE(lists("input_response", field)) << field;
  }
  EXPECT_TRUE(lists("interrupt", "execution_id"));
  EXPECT_TRUE(lists("status", "id"));
  EXPECT_TRUE(lists("reset", "id"));
  EXPECT_TRUE(lists("shutdown", "id"));
}

TEST(ReadyTest, CapabilitiesNameExactlyTheRequestsThatAreServed) {
  ServerProcess server;
  const Json capabilities = server.ready()["capabilities"];
  for (const char* type :
       {"execute", "input_response", "interrupt", "status", "complete", "inspect", "is_complete",
        "variables", "output_get", "reset", "checkpoint", "restore", "checkpoints", "undo",
        "checkpoint_drop", "resize", "comm_open", "comm_msg", "comm_close"}) {
    server.send({{"type", type}, {"id", "probe"}});
    bool unknown = false;
    for (const Json& frame : server.frames_before_status()) {
      unknown = unknown || frame.value("code", "") == "unknown_type";
    }
    EXPECT_EQ(unknown, !capabilities.contains(type)) << type;
  }
}

TEST(StatusTest, AtRest) {
  ServerProcess server;
  server.send({{"type", "status"}, {"id", "s"}});
  const Json status = server.read_frame();
  EXPECT_EQ(status["type"], "status_reply");
  EXPECT_EQ(status["id"], "s");
  EXPECT_EQ(status["state"], "idle");
  EXPECT_EQ(status["execution_id"], nullptr);
  EXPECT_EQ(status["queued"], 0);
  EXPECT_EQ(status["pending_inputs"], Json::array());
  EXPECT_GT(status["memory_usage"], 1'000'000);
  EXPECT_LT(status["memory_usage"], 1'000'000'000);
  EXPECT_TRUE(status["cpu_seconds"].is_number());
}

TEST(StatusTest, WhileBusy) {
  ServerProcess server;
  const Json id = server.start("print('go')\nwhile True: pass");
  server.start("2");
  server.read_line();
  const Json status = server.status();
  EXPECT_EQ(status["state"], "busy");
  EXPECT_EQ(status["execution_id"], id);
  EXPECT_EQ(status["queued"], 1);
  EXPECT_GE(status["elapsed"], 0);
  EXPECT_GE(server.status()["elapsed"], status["elapsed"]);
  server.interrupt(id);
  server.finish(id);
}

TEST(StatusTest, WhileWaitingForInput) {
  ServerProcess server;
  const Json id = server.start("input()");
  const Json request = server.await_input();
  const Json status = server.status();
  EXPECT_EQ(status["state"], "waiting_for_input");
  EXPECT_EQ(status["execution_id"], id);
  EXPECT_EQ(status["pending_inputs"], Json::array({request["id"]}));
  server.answer(request["id"], "");
  server.finish(id);
  EXPECT_EQ(server.status()["state"], "idle");
}

TEST(StatusTest, IsServedWhileCodeHoldsTheInterpreter) {
  ServerProcess server;
  const Json id = server.start(
      "import ctypes\nprint('go', flush=True)\n"
      "ctypes.PyDLL(None).usleep(1_000_000)  # C code that keeps the interpreter to itself");
  server.read_line();
  server.send({{"type", "status"}, {"id", "s"}});
  EXPECT_EQ(server.read_frame()["type"], "status_reply");
  EXPECT_TRUE(server.finish(id).ok());
}

TEST(ResetTest, GivesACleanMain) {
  ServerProcess server;
  const Json before = server.execute("sorted(globals())").value();
  ASSERT_TRUE(server.execute("x = 1\ndef f(): pass\nimport sys").ok());
  server.send({{"type", "reset"}, {"id", "r"}});
  EXPECT_EQ(server.read_frame()["id"], "r");
  EXPECT_EQ(server.execute("x").exception(), "NameError");
  EXPECT_EQ(server.execute("f").exception(), "NameError");
  EXPECT_EQ(server.execute("sys").exception(), "NameError");
  EXPECT_EQ(server.execute("sorted(globals())").value(), before);
}

TEST(ResetTest, LeavesTheNamespaceToBeMain) {
  ServerProcess server;
  server.send({{"type", "reset"}, {"id", "r"}});
  ASSERT_TRUE(server.execute("y = 5\nclass C: pass").ok());
  EXPECT_EQ(server
                .execute("import __main__, pickle\n"
                         "[__name__, __main__.y, type(pickle.loads(pickle.dumps(C()))) is C]")
                .value(),
            Json::array({"__main__", 5, true}));
}

TEST(ResetTest, KeepsProcessAndImportedModules) {
  TempDir directory;
  directory.write("counter.py", "count = 0\n");
  ServerProcess server(Launch{.cwd = directory.path()});
  ASSERT_TRUE(server.execute("import counter\ncounter.count = 7").ok());
  server.send({{"type", "reset"}, {"id", "r"}});
  EXPECT_EQ(server.execute("import counter, os\n[counter.count, os.getpid()]").value(),
            Json::array({7, server.pid()}));
}

TEST(ResetTest, TakesItsTurnAmongTheExecutions) {
  ServerProcess server;
  const Json before = server.start("x = 'before'\nx");
  server.send({{"type", "reset"}, {"id", "r"}});
  const Json after = server.start("x");
  const std::vector<Json> frames = server.read_until("reset_reply");
  EXPECT_EQ(types_of(frames), (std::vector<std::string>{"result", "reset_reply"}));
  EXPECT_EQ(server.finish(before).value(), "before");
  EXPECT_EQ(server.finish(after).exception(), "NameError");
}

TEST(ResetTest, UsesNoCountTwice) {
  ServerProcess server;
  server.execute("1");
  server.send({{"type", "reset"}, {"id", "r"}});
  EXPECT_GT(server.execute("1").terminal["execution_count"], 1);
}

TEST(ResetTest, ListsTheThreadsThatLive) {
  ServerProcess server;
  server.send({{"type", "reset"}, {"id", "r1"}});
  Json reply = server.read_frame();
  EXPECT_EQ(reply["threads"], Json::array());
  EXPECT_EQ(reply["tasks"], Json::array());
  ASSERT_TRUE(server
                  .execute("import threading, sys\nsys.go = threading.Event()\n"
                           "threading.Thread(target=sys.go.wait, name='waits').start()")
                  .ok());
  server.send({{"type", "reset"}, {"id", "r2"}});
  reply = server.read_until("reset_reply").back();
  ASSERT_EQ(reply["threads"].size(), 1u) << reply;
  EXPECT_NE(reply["threads"][0].dump().find("waits"), std::string::npos) << reply;
  EXPECT_TRUE(server.execute("import sys\nsys.go.set()").ok());
}

}  // namespace
}  // namespace replwire_tests
