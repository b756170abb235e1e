// --survive: checkpoint, checkpoints, restore, undo, and what goes back with them.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "support/case.h"
#include "support/process_watch.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

Json restore(ServerProcess& server, const Json& id) {
  return request(server, {{"type", "restore"}, {"checkpoint_id", id}});
}

Json undo(ServerProcess& server, Json count = nullptr) {
  Json frame{{"type", "undo"}};
  if (!count.is_null()) frame["count"] = std::move(count);
  return request(server, std::move(frame));
}

Json checkpoints(ServerProcess& server) {
  return request(server, {{"type", "checkpoints"}})["checkpoints"];
}

struct State : Case {
  const char* first;
  const char* then;
  const char* seen;
  Json value;
};

class SurviveStateTest : public ::testing::TestWithParam<State> {};

TEST_P(SurviveStateTest, GoesBackWithARestore) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute(std::string("import os, sys\n") + GetParam().first).ok());
  const Json id = checkpoint(server);
  ASSERT_TRUE(server.execute(GetParam().then).ok());
  EXPECT_NE(server.execute(GetParam().seen).value(), GetParam().value);
  EXPECT_EQ(restore(server, id)["checkpoint_id"], id);
  const Execution seen = server.execute(GetParam().seen);
  EXPECT_EQ(seen.value(), GetParam().value) << seen;
}

const State kStates[] = {
    {"ABoundName", "x = 1", "x = 2", "x", 1},
    {"ADeletedName", "x = 1", "del x", "globals().get('x')", 1},
    {"AMutatedObject", "x = [1]\ny = {'x': x}", "x.append(2)", "y", {{"x", {1}}}},
    {"WhatNoPickleCan", "g = (n for n in range(9))\nx = next(g)", "x = next(g)", "next(g)", 1},
    {"AClosure",
     "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n"
     "        return n\n    return g\ng = f()",
     "x = g()", "g()", 1},
    {"AnImportedModule", "", "import colorsys", "'colorsys' in sys.modules", false},
    {"AMonkeypatch", "import json\nd = json.dumps", "json.dumps = repr", "json.dumps is d", true},
    {"TheWorkingDirectory", "os.chdir('/')", "os.chdir('/usr')", "os.getcwd()", "/"},
    {"TheEnvironment", "os.environ['A'] = '1'", "os.environ['A'] = '2'", "os.getenv('A')", "1"},
    {"TheEnvironmentOfChildren", "os.environ['A'] = '1'", "os.environ['A'] = '2'",
     "os.popen('printf $A').read()", "1"},
    {"TheLastValue", "5", "6", "_", 5},
    {"AStreamOfTheUsers", "", "import io\nsys.stderr = io.StringIO()",
     "type(sys.stderr).__name__ != 'StringIO'", true},
    {"ASignalHandler", "import signal", "x = signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
     "signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL", true},
};

INSTANTIATE_TEST_SUITE_P(States, SurviveStateTest, ::testing::ValuesIn(kStates), CaseName{});

TEST(SurviveCheckpointTest, IsListedWithItsNameAgeMemoryAndExecution) {
  ServerProcess server(surviving());
  server.execute("x = 1", {{"id", "first"}});
  const Json reply = request(server, {{"type", "checkpoint"}, {"name", "before the import"}});
  EXPECT_EQ(reply["type"], "checkpoint_reply");
  Json mine;
  for (const Json& each : checkpoints(server)) {
    if (each["checkpoint_id"] == reply["checkpoint_id"]) mine = each;
  }
  ASSERT_TRUE(mine.is_object());
  EXPECT_EQ(mine["name"], "before the import");
  EXPECT_EQ(mine["automatic"], false);
  EXPECT_EQ(mine["execution_id"], "first");
  EXPECT_EQ(mine["execution_count"], 1);
  EXPECT_GE(mine["age"], 0);
  EXPECT_LT(mine["age"], 20);
  EXPECT_GT(mine["memory"], 0);
}

TEST(SurviveCheckpointTest, OfAnUntouchedSessionCostsLittle) {
  ServerProcess server(surviving({"--", "-S"}));  // what .pth files import would count as well
  checkpoint(server);
  for (const Json& each : checkpoints(server)) EXPECT_LT(each["memory"], 2 << 20) << each;
}

TEST(SurviveCheckpointTest, NoMoreAutomaticOnesThanToldAreKeptAndAllThatWereAskedFor) {
  ServerProcess server(surviving({"--snapshots", "2"}));
  for (int n = 0; n < 5; ++n) server.execute("n = " + std::to_string(n));
  for (int n = 0; n < 4; ++n) checkpoint(server);
  for (int n = 0; n < 5; ++n) server.execute("n = " + std::to_string(n));
  server.execute("'the one before has its snapshot'");
  int automatic = 0;
  int explicitly = 0;
  for (const Json& each : checkpoints(server))
    ++(each["automatic"] == true ? automatic : explicitly);
  EXPECT_LE(automatic, 2);
  EXPECT_EQ(explicitly, 4);
  EXPECT_EQ(server.status()["snapshots"]["count"], automatic + explicitly);
}

TEST(SurviveCheckpointTest, StatusTellsWhatTheyCost) {
  ServerProcess server(surviving());
  server.execute("x = bytearray(100 << 20)\nx[::4096] = b'1' * (100 << 8)");
  server.execute("x[::4096] = b'2' * (100 << 8)");  // its pages are the snapshot's own now
  checkpoint(server);
  const Json snapshots = server.status()["snapshots"];
  EXPECT_GE(snapshots["count"], 1);
  EXPECT_GT(snapshots["memory"], 50 << 20);
}

TEST(SurviveCheckpointTest, WithoutTheOptionStatusTellsOfNone) {
  ServerProcess server;
  if (server.ready()["capabilities"].contains("checkpoint")) GTEST_SKIP() << "it is on";
  EXPECT_FALSE(server.status().contains("snapshots"));
  for (const char* type : {"checkpoint", "checkpoints", "restore", "undo"}) {
    const Json reply = request(server, {{"type", type}, {"checkpoint_id", "x"}});
    EXPECT_EQ(reply["type"], "protocol_error");
    EXPECT_EQ(reply["code"], "unknown_type") << type;
  }
}

TEST(SurviveCheckpointTest, CanBeRestoredManyTimesAndBothWays) {
  ServerProcess server(surviving());
  server.execute("x = 'a'");
  const Json a = checkpoint(server);
  server.execute("x = 'b'");
  const Json b = checkpoint(server);
  for (int round = 0; round < 5; ++round) {
    ASSERT_EQ(restore(server, a)["checkpoint_id"], a);
    ASSERT_EQ(server.execute("x").value(), "a");
    ASSERT_EQ(restore(server, b)["checkpoint_id"], b);
    ASSERT_EQ(server.execute("x").value(), "b");
  }
}

TEST(SurviveCheckpointTest, TakesItsTurnAmongTheExecutions) {
  ServerProcess server(surviving());
  server.start("import time\nx = 1\ntime.sleep(0.05)");
  server.send({{"type", "checkpoint"}, {"id", "c"}});
  server.start("x = 2");
  server.send({{"type", "undo"}, {"id", "u"}});
  const Json last = server.start("x");
  const std::vector<Json> frames =
      server.read_until([&](const Json& f) { return f.value("execution_id", Json()) == last; });
  EXPECT_EQ(types_of(frames), (std::vector<std::string>{"result", "checkpoint_reply", "result",
                                                        "restored", "undo_reply", "result"}));
  EXPECT_EQ(frames.back()["value"], 1);
}

TEST(SurviveCheckpointTest, RestoreSaysWhatItLeaves) {
  ServerProcess server(surviving());
  server.execute("import threading\ngo = threading.Event()");
  const Json id = checkpoint(server);
  server.send({{"type", "restore"}, {"id", "r"}, {"checkpoint_id", id}});
  const Json restored = server.read_until("restored").back();
  EXPECT_EQ(restored["cause"], "restore");
  EXPECT_EQ(restored["checkpoint_id"], id);
  EXPECT_EQ(restored["execution_id"], nullptr);
  EXPECT_FALSE(restored.contains("signal"));
  EXPECT_FALSE(restored.contains("exit_status"));
  EXPECT_EQ(server.read_frame()["type"], "restore_reply");
}

TEST(SurviveCheckpointTest, AnUnknownOneIsRefusedAndNothingChanges) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  for (const Json& id : {Json("checkpoint-999"), Json("checkpoint-0"), Json(""), Json("x")}) {
    const Json reply = restore(server, id);
    EXPECT_EQ(reply["type"], "protocol_error");
    EXPECT_EQ(reply["code"], "invalid_field") << id;
  }
  EXPECT_EQ(restore(server, 3)["code"], "invalid_field");
  EXPECT_EQ(request(server, {{"type", "restore"}})["code"], "missing_field");
  EXPECT_EQ(server.execute("x").value(), 1);
}

// As the system may do it, for want of memory.
void kill_snapshot(ServerProcess& server, const std::vector<pid_t>& before) {
  for (const pid_t each : children_of(server.pid())) {
    if (std::ranges::count(before, each) > 0) continue;
    const ProcessWatch watch(each);
    ::kill(each, SIGKILL);
    ASSERT_TRUE(watch.ends(kPatience));
  }
}

TEST(SurviveCheckpointTest, OneThatSomebodyHasKilledIsNone) {
  ServerProcess server(surviving());
  server.execute("import os\nx = 1");
  server.execute("'it has its snapshot'", {{"silent", true}});
  server.execute("'and so has this'", {{"silent", true}});
  const Json kept = checkpoint(server);
  server.execute("x = 2");
  checkpoint(server);  // behind the one that is taken by itself
  const std::vector<pid_t> before = children_of(server.pid());
  const Json killed = checkpoint(server);
  kill_snapshot(server, before);
  EXPECT_EQ(request(server, {{"type", "restore"}, {"checkpoint_id", killed}})["type"],
            "protocol_error");
  EXPECT_EQ(server.execute("x").value(), 2) << "it goes on";
  for (const Json& each : request(server, {{"type", "checkpoints"}})["checkpoints"]) {
    EXPECT_NE(each["checkpoint_id"], killed);
  }
  EXPECT_EQ(request(server, {{"type", "restore"}, {"checkpoint_id", kept}})["type"],
            "restore_reply");
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurviveCheckpointTest, WithTheNewestKilledTheOneBeforeGoesOn) {
  for (const char* end : {"os.abort()", ""}) {
    ServerProcess server(surviving({"--snapshot-limit", "1"}));
    server.execute("import os\nx = 1");
    const Json kept = checkpoint(server);
    server.execute("x = 2");
    const std::vector<pid_t> before = children_of(server.pid());
    checkpoint(server);
    // Both at once, so that the server does not know of the one when it hears of the other.
    server.signal(SIGSTOP);
    kill_snapshot(server, before);
    if (*end == '\0') ::kill(first_interpreter(server), SIGKILL);
    server.signal(SIGCONT);
    if (*end != '\0') server.start(end);
    EXPECT_EQ(server.read_until("restored").back()["checkpoint_id"], kept);
    EXPECT_EQ(server.execute("x").value(), 1);
  }
}

TEST(SurviveCheckpointTest, MoreThanTheSystemHasDescriptorsForAreRefusedAndAllGoesOn) {
  rlimit before = {};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few = {160, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);  // what is started inherits it
  ServerProcess server(surviving());
  ::setrlimit(RLIMIT_NOFILE, &before);
  server.execute("import os\nkept = 1");
  int made = 0;
  while (made < 160 && checkpoint(server).is_string()) ++made;
  EXPECT_GT(made, 20);
  EXPECT_LT(made, 160);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(server.execute("os.abort()").terminal.value("restored", false), true);
    EXPECT_EQ(server.execute("kept").value(), 1);
  }
}

TEST(SurviveUndoTest, GoesBackToBeforeTheLastExecution) {
  ServerProcess server(surviving());
  server.execute("x = [1]");
  server.execute("x.append(2)");
  EXPECT_EQ(undo(server)["type"], "undo_reply");
  EXPECT_EQ(server.execute("x").value(), Json({1}));
}

TEST(SurviveUndoTest, GoesBackSeveral) {
  ServerProcess server(surviving({"--snapshots", "5"}));
  for (int n = 0; n < 5; ++n) server.execute("x = " + std::to_string(n));
  EXPECT_EQ(undo(server, 3)["type"], "undo_reply");
  EXPECT_EQ(server.execute("x", {{"silent", true}}).ok(), true);
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurviveUndoTest, AgainAndAgain) {
  ServerProcess server(surviving({"--snapshots", "6"}));
  for (int n = 0; n < 4; ++n) server.execute("x = " + std::to_string(n));
  EXPECT_EQ(undo(server)["type"], "undo_reply");
  EXPECT_EQ(undo(server)["type"], "undo_reply");
  EXPECT_EQ(server.execute("x").value(), 1);
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurviveUndoTest, FurtherThanThereIsIsRefused) {
  ServerProcess server(surviving({"--snapshots", "2"}));
  for (int n = 0; n < 5; ++n) server.execute("x = " + std::to_string(n));
  const Json reply = undo(server, 4);
  EXPECT_EQ(reply["code"], "invalid_field") << reply;
  for (const Json& count : {Json(0), Json(-1), Json(1.5), Json("2"), Json(1e18)}) {
    EXPECT_EQ(undo(server, count)["code"], "invalid_field") << count;
  }
  EXPECT_EQ(server.execute("x").value(), 4);
}

TEST(SurviveUndoTest, OfNothingIsRefused) {
  ServerProcess server(surviving());
  EXPECT_EQ(undo(server)["code"], "invalid_field");
  EXPECT_TRUE(server.execute("1").ok());
}

TEST(SurviveUndoTest, BringsBackWhatAResetCleared) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  ASSERT_EQ(request(server, {{"type", "reset"}})["type"], "reset_reply");
  ASSERT_EQ(server.execute("'x' in globals()", {{"silent", true}}).ok(), true);
  EXPECT_EQ(undo(server, 2)["type"], "undo_reply");
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurviveUndoTest, AnExecutionThatFailedCountsAndOneThatCrashedDoesNot) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  server.execute("x = 2\n1 / 0");
  server.execute("import os\nos.abort()");
  EXPECT_EQ(server.execute("x", {{"id", "looks"}}).value(), 2);
  EXPECT_EQ(undo(server, 2)["type"], "undo_reply");
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurviveUndoTest, ExecutionCountsAreNeverUsedTwice) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  server.execute("x = 2");
  undo(server);
  EXPECT_EQ(server.execute("x").terminal["execution_count"], 3);
}

Json drop(ServerProcess& server, const Json& id) {
  return request(server, {{"type", "checkpoint_drop"}, {"checkpoint_id", id}});
}

TEST(SurviveCheckpointDropTest, GivesItUpAndItsProcess) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute("x = 1").ok());
  const Json id = checkpoint(server);
  const std::size_t before = checkpoints(server).size();
  EXPECT_EQ(drop(server, id)["type"], "checkpoint_drop_reply");
  const Json left = checkpoints(server);
  EXPECT_EQ(left.size(), before - 1);
  for (const Json& entry : left) EXPECT_NE(entry["checkpoint_id"], id);
  EXPECT_EQ(restore(server, id)["code"], "invalid_field");
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurviveCheckpointDropTest, AnUnknownOneIsNamed) {
  ServerProcess server(surviving());
  const Json error = drop(server, "no such checkpoint");
  EXPECT_EQ(error["code"], "invalid_field");
  EXPECT_NE(error["message"].get<std::string>().find("/checkpoint_id"), std::string::npos) << error;
  const Json id = checkpoint(server);
  EXPECT_EQ(drop(server, id)["type"], "checkpoint_drop_reply");
  EXPECT_EQ(drop(server, id)["code"], "invalid_field") << "the second time";
}

TEST(SurviveCheckpointDropTest, WhatWasToldIsKept) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute("x = 1").ok());
  const Json all = checkpoints(server);
  ASSERT_FALSE(all.empty());
  for (const Json& entry : all) drop(server, entry["checkpoint_id"]);
  checkpoint(server);  // the new one is there by then
  kill_at_rest(server, first_interpreter(server));
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurviveCheckpointDropTest, WaitsForItsTurn) {
  ServerProcess server(surviving());
  const Json id = checkpoint(server);
  const Json asks = server.start("input()");
  const Json question = server.await_input();
  server.send({{"type", "checkpoint_drop"}, {"id", "drop"}, {"checkpoint_id", id}});
  for (const Json& frame : server.frames_before_status()) {
    EXPECT_NE(frame["type"], "checkpoint_drop_reply");
  }
  server.answer(question["id"], "");
  server.read_until("checkpoint_drop_reply");
}

}  // namespace
}  // namespace replwire_tests
