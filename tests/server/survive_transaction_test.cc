// --survive: executions that leave nothing behind.
#include <gtest/gtest.h>

#include "support/survival.h"

namespace replwire_tests {
namespace {

Json transaction(const char* kind) { return {{"transaction", kind}}; }

TEST(SurviveTransactionTest, CommitIsTheDefaultAndKeepsAll) {
  ServerProcess server(surviving());
  server.execute("x = [1]");
  EXPECT_EQ(server.execute("x.append(2)\n1 / 0", transaction("commit")).reason(), "exception");
  server.execute("x.append(3)\n1 / 0");
  EXPECT_EQ(server.execute("x").value(), Json({1, 2, 3}));
}

TEST(SurviveTransactionTest, RollbackOnFailureUndoesOnlyWhatFailed) {
  ServerProcess server(surviving());
  server.execute("x = [1]");
  const Execution done = server.execute("x.append(2)\nlen(x)", transaction("rollback_on_failure"));
  EXPECT_EQ(done.value(), 2);
  EXPECT_EQ(done.terminal.value("restored", false), false);
  const Execution failed =
      server.execute("x.append(3)\nprint(x)\n1 / 0", transaction("rollback_on_failure"));
  EXPECT_EQ(failed.reason(), "exception");
  EXPECT_EQ(failed.exception(), "ZeroDivisionError");
  EXPECT_EQ(failed.terminal["restored"], true);
  EXPECT_EQ(failed.out, "[1, 2, 3]\n");
  EXPECT_EQ(frame_of(failed.frames, "restored")["cause"], "rollback");
  EXPECT_EQ(server.execute("x").value(), Json({1, 2}));
}

TEST(SurviveTransactionTest, RollbackAlwaysGivesTheValueAndKeepsNothing) {
  ServerProcess server(surviving());
  server.execute("import os\nx = [1]");
  const Execution tried =
      server.execute("x.append(2)\nos.chdir('/usr')\nx", transaction("rollback_always"));
  EXPECT_EQ(tried.value(), Json({1, 2})) << tried;
  EXPECT_EQ(tried.terminal["restored"], true);
  EXPECT_EQ(server.execute("x").value(), Json({1}));
  EXPECT_NE(server.execute("os.getcwd()").value(), "/usr");
}

TEST(SurviveTransactionTest, InAPipelineEachSeesWhatWasCommitted) {
  ServerProcess server(surviving());
  std::vector<Json> ids;
  server.start("x = []");
  for (int n = 0; n < 10; ++n) {
    ids.push_back(server.start("x.append(" + std::to_string(n) + ")\nx[:]",
                               transaction(n % 2 != 0 ? "rollback_always" : "commit")));
  }
  for (int n = 0; n < 10; ++n) {
    Json expected = Json::array();
    for (int before = 0; before <= n; ++before) {
      if (before % 2 == 0 || before == n) expected.push_back(before);
    }
    EXPECT_EQ(server.finish(ids[n]).value(), expected);
  }
}

TEST(SurviveTransactionTest, InterruptedTimedOutOrExitedIsFailed) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  Json extra = transaction("rollback_on_failure");
  extra["timeout"] = 0.1;
  const Execution late = server.execute("x = 2\nwhile True: pass", extra);
  EXPECT_EQ(late.reason(), "timeout");
  EXPECT_EQ(late.terminal["restored"], true);
  EXPECT_EQ(server.execute("x").value(), 1);
  EXPECT_EQ(server.execute("x = 3\nexit(4)", transaction("rollback_on_failure")).reason(), "exit");
  EXPECT_EQ(server.execute("x").value(), 1);
  const Json id =
      server.start("x = 4\nprint('on')\nwhile True: pass", transaction("rollback_on_failure"));
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurviveTransactionTest, ACrashIsACrash) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  const Execution lost =
      server.execute("x = 2\nimport os\nos.abort()", transaction("rollback_always"));
  EXPECT_EQ(lost.reason(), "crash");
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurviveTransactionTest, IsNotAStepThatAnUndoGoesBack) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  server.execute("x = 2");
  server.execute("x = 3", transaction("rollback_always"));
  ASSERT_EQ(request(server, {{"type", "undo"}})["type"], "undo_reply");
  EXPECT_EQ(server.execute("x").value(), 1);
}

// The snapshot that it goes back to is asked for, whatever the size.
TEST(SurviveTransactionTest, AboveTheLimitItGoesBackToWhereItBegan) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  server.execute("x = 1");
  checkpoint(server);
  server.execute("x = 2");
  const Execution tried = server.execute("x = 3", transaction("rollback_always"));
  EXPECT_EQ(tried.terminal["restored"], true) << tried;
  EXPECT_EQ(server.execute("x").value(), 2);
}

// Its promise could not be kept. Nobody but root may have more processes than the limit says.
TEST(SurviveTransactionTest, WithoutASnapshotToGoBackToItIsNotRun) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  server.execute(
      "import os, resource\nx = 1\n"
      "soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)\n"
      "if os.getuid() == 0: os.setresuid(65534, 65534, 0)\n"
      "resource.setrlimit(resource.RLIMIT_NPROC, (0, hard))");
  const Json tried = {{"type", "execute"},
                      {"id", "tried"},
                      {"code", "x = 2"},
                      {"transaction", "rollback_always"},
                      {"stop_on_error", true}};
  const Json behind = {{"type", "execute"}, {"id", "behind"}, {"code", "x = 3"}};
  server.send_bytes(tried.dump() + "\n" + behind.dump() + "\n");
  const Execution refused = server.finish("tried");
  EXPECT_EQ(refused.reason(), "aborted") << refused;
  EXPECT_NE(refused.terminal["exception_message"].get<std::string>().find("snapshot"),
            std::string::npos);
  EXPECT_EQ(server.finish("behind").reason(), "aborted");
  EXPECT_EQ(server.execute("x").value(), 1);
  EXPECT_EQ(request(server, {{"type", "checkpoint"}}).value("code", ""), "invalid_field");
  server.execute("resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))");
  const Execution undone = server.execute("x = 4", transaction("rollback_always"));
  EXPECT_EQ(undone.terminal.value("restored", false), true) << undone;
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurviveTransactionTest, WhatWaitsForItsSnapshotCanBeTakenOut) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  server.execute("x = 1");
  for (int round = 0; round < 20; ++round) {
    const Json id = server.start("x = 2", transaction("rollback_always"));
    server.send({{"type", "interrupt"}, {"id", "i"}, {"execution_id", id}});
    const Execution ended = server.finish(id);
    ASSERT_TRUE(ended.terminal["type"] == "result" || ended.reason() == "cancelled" ||
                ended.reason() == "interrupt")
        << ended;
    ASSERT_EQ(server.execute("x").value(), 1) << "round " << round;
  }
}

TEST(SurviveTransactionTest, ItsFieldIsChecked) {
  ServerProcess server(surviving());
  for (const Json& wrong : {Json("never"), Json(1), Json(true)}) {
    const Json reply =
        request(server, {{"type", "execute"}, {"code", "x = 1"}, {"transaction", wrong}});
    EXPECT_EQ(reply.value("code", ""), "invalid_field") << wrong;
  }
}

TEST(SurviveTransactionTest, WithoutTheOptionItIsRefused) {
  ServerProcess server;
  if (server.ready()["capabilities"].contains("checkpoint")) GTEST_SKIP() << "it is on";
  const Json reply =
      request(server, {{"type", "execute"}, {"code", "x = 1"}, {"transaction", "rollback_always"}});
  EXPECT_EQ(reply["type"], "protocol_error");
  EXPECT_TRUE(server.execute("1", transaction("commit")).ok());
}

// A process that may make no other one.
constexpr const char* kAlone =
    "import os, resource\nif os.getuid() == 0: os.setresuid(65534, 65534, 0)\n"
    "resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))";

TEST(SurviveTransactionTest, TheLastOneThatIsNotRunLetsTheSessionEnd) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  server.execute(kAlone);
  const Json id = server.start("x = 2", transaction("rollback_always"));
  server.close_stdin();
  EXPECT_EQ(server.finish(id).reason(), "aborted");
  EXPECT_EQ(server.wait_exit(), 0);
}

}  // namespace
}  // namespace replwire_tests
