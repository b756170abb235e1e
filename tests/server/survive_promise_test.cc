// --survive: what has been told is there, whenever the interpreter dies; or it is said that it is
// not.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "support/case.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

TEST(SurvivePromiseTest, ADeathRightBehindAResultCostsNothing) {
  ServerProcess server(surviving());
  pid_t interpreter = first_interpreter(server);
  server.execute("told = 0");
  for (int round = 1; round <= 60; ++round) {
    const Execution told = server.execute("told += 1");
    ASSERT_TRUE(told.ok()) << told;
    EXPECT_FALSE(told.terminal.contains("kept")) << told;
    std::this_thread::sleep_for(std::chrono::microseconds(round % 3 * 300));
    const Json restored = kill_at_rest(server, interpreter);
    EXPECT_EQ(restored["undone"], Json::array());
    EXPECT_EQ(restored["last_execution_id"], told.terminal["execution_id"]);
    interpreter = restored["pid"];
    const Execution seen = server.execute("told", {{"silent", true}});
    ASSERT_TRUE(seen.ok()) << seen;
    ASSERT_EQ(server.execute("told").value(), round);
  }
}

TEST(SurvivePromiseTest, AnErrorIsKeptAsAResultIs) {
  ServerProcess server(surviving());
  const Execution told = server.execute("kept = 1\n1 / 0");
  EXPECT_EQ(told.reason(), "exception");
  EXPECT_EQ(kill_at_rest(server, first_interpreter(server))["undone"], Json::array());
  EXPECT_EQ(server.execute("kept").value(), 1);
}

TEST(SurvivePromiseTest, SoIsAReset) {
  ServerProcess server(surviving());
  server.execute("gone = 1");
  EXPECT_EQ(request(server, {{"type", "reset"}})["type"], "reset_reply");
  EXPECT_EQ(kill_at_rest(server, first_interpreter(server))["undone"], Json::array());
  EXPECT_EQ(server.execute("'gone' in globals()").value(), false);
}

// It comes to its end, and dies before there is a snapshot of that: the client has heard of
// nothing.
TEST(SurvivePromiseTest, AnExecutionThatEndsAndDiesBeforeItIsKeptIsACrash) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute("import os\nx = 1").ok());
  const Execution lost =
      server.execute("x = 2\nos.register_at_fork(before=lambda: os._exit(7))\nx");
  EXPECT_EQ(lost.reason(), "crash") << lost;
  EXPECT_EQ(lost.terminal["restored"], true);
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurvivePromiseTest, ASnapshotThatNeverComesIsEndedByTheDeadline) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute("import os, time\nx = 1").ok());
  const Execution lost =
      server.execute("x = 2\nos.register_at_fork(before=lambda: time.sleep(600))",
                     {{"timeout", 0.1}, {"grace", 0.1}});
  EXPECT_EQ(lost.reason(), "timeout") << lost;
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurvivePromiseTest, WhatNoSnapshotHasSaysSo) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  const Execution first = server.execute("x = 1");
  EXPECT_EQ(first.terminal.value("kept", true), false) << first;
  const Execution second = server.execute("1 / 0");
  EXPECT_EQ(second.terminal.value("kept", true), false) << second;
  const Json restored = kill_at_rest(server, first_interpreter(server));
  EXPECT_EQ(restored["undone"],
            Json({first.terminal["execution_id"], second.terminal["execution_id"]}));
  EXPECT_EQ(restored["last_execution_id"], nullptr);
}

TEST(SurvivePromiseTest, AnUndoTellsWhatItUndoes) {
  ServerProcess server(surviving());
  server.execute("x = 1", {{"id", "a"}});
  server.execute("x = 2", {{"id", 2}});
  server.execute("x = 3", {{"id", "c"}});
  server.send({{"type", "undo"}, {"id", "u"}, {"count", 2}});
  const Json restored = server.read_until("restored").back();
  EXPECT_EQ(restored["undone"], Json({2, "c"}));
  EXPECT_EQ(restored["last_execution_id"], "a");
}

// From one way of the story to another one.
TEST(SurvivePromiseTest, ARestoreTellsWhatIsNotThereAnyMore) {
  ServerProcess server(surviving());
  server.execute("x = 1", {{"id", "a"}});
  const Json first = checkpoint(server);
  server.execute("x = 2", {{"id", "b"}});
  const Json second = checkpoint(server);
  server.send({{"type", "restore"}, {"id", "1"}, {"checkpoint_id", first}});
  EXPECT_EQ(server.read_until("restored").back()["undone"], Json({"b"}));
  server.execute("x = 3", {{"id", "c"}});
  server.execute("x = 4", {{"id", "d"}});
  server.send({{"type", "restore"}, {"id", "2"}, {"checkpoint_id", second}});
  const Json restored = server.read_until("restored").back();
  EXPECT_EQ(restored["undone"], Json({"c", "d"}));
  EXPECT_EQ(restored["last_execution_id"], "b");
}

TEST(SurvivePromiseTest, AtTheFastLevelAFrameConfirmsIt) {
  ServerProcess server(surviving({"--survive-level", "fast"}));
  const Execution told = server.execute("x = 1");
  EXPECT_EQ(told.terminal.value("kept", true), false) << told;
  EXPECT_EQ(server.read_until("kept").back()["execution_id"], told.terminal["execution_id"]);
  EXPECT_EQ(kill_at_rest(server, first_interpreter(server))["undone"], Json::array());
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(SurvivePromiseTest, ADeathBeforeThatIsTold) {
  for (const char* level : {"early", "fast"}) {
    ServerProcess server(surviving({"--survive-level", level}));
    ASSERT_TRUE(server.execute("import os, time\nx = 1", {{"id", "a"}}).ok());
    server.read_until("kept");
    server.execute("x = 2\nos.register_at_fork(before=lambda: time.sleep(600))", {{"id", "b"}});
    const Json restored = kill_at_rest(server, first_interpreter(server));
    EXPECT_EQ(restored["undone"], Json({"b"})) << level;
    EXPECT_EQ(restored["last_execution_id"], "a") << level;
    EXPECT_EQ(server.execute("x").value(), 1) << level;
  }
}

TEST(SurvivePromiseTest, AtTheEarlyLevelTheSnapshotComesBeforeTheNextExecution) {
  ServerProcess server(surviving({"--survive-level", "early"}));
  server.send({{"type", "execute"}, {"id", "a"}, {"code", "import os"}});
  server.send({{"type", "execute"}, {"id", "b"}, {"code", "os.abort()"}});
  const auto frames = server.read_until([](const Json& frame) { return frame["type"] == "error"; });
  std::vector<std::string> types;
  for (const Json& frame : frames) {
    if (frame["type"] != "output") types.push_back(frame["type"]);
  }
  EXPECT_EQ(types, (std::vector<std::string>{"result", "kept", "restored", "error"}));
  EXPECT_EQ(frames.back()["execution_id"], "b");
  EXPECT_TRUE(server.execute("os").ok());
}

TEST(SurvivePromiseTest, AtTheEarlyLevelItIsToldThatThereIsNone) {
  ServerProcess server(surviving({"--survive-level", "early", "--snapshot-limit", "0"}));
  const Execution told = server.execute("1 / 0");
  EXPECT_EQ(told.terminal.value("kept", true), false) << told;
  EXPECT_EQ(server.read_until("not_kept").back()["execution_id"], told.terminal["execution_id"]);
}

// ---- where the system has nothing left ----------------------------------------------------------

TEST(SurvivePromiseTest, WithoutDescriptorsThereIsNoSnapshotAndNothingElse) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute("import os\nheld = []\nx = 1").ok());
  const Execution full =
      server.execute("try:\n    while True: held.append(os.dup(0))\nexcept OSError: x = 2\nx");
  EXPECT_EQ(full.value(), 2) << full;
  EXPECT_EQ(full.terminal.value("kept", true), false);
  EXPECT_TRUE(server.status()["snapshots"].contains("failure"));
  EXPECT_EQ(server.execute("x").value(), 2);
  EXPECT_TRUE(server.execute("for each in held: os.close(each)\nx = 3").ok());
  EXPECT_FALSE(server.status()["snapshots"].contains("failure"));
  EXPECT_EQ(server.execute("os.abort()").terminal["restored"], true);
  EXPECT_EQ(server.execute("x").value(), 3);
}

// A filter for the calling thread's system calls, as sandboxes have it.
constexpr const char* kRefuse = R"(
import ctypes, os, struct
def refuse(calls, error):
    def step(code, if_not, value): return struct.pack('HBBI', code, 0, if_not, value)
    steps = [step(0x20, 0, 0)]
    for call in calls: steps += [step(0x15, 1, call), step(0x06, 0, 0x50000 | error)]
    steps.append(step(0x06, 0, 0x7fff0000))
    text = ctypes.create_string_buffer(b''.join(steps))
    program = struct.pack('HxxxxxxP', len(steps), ctypes.addressof(text))
    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)
    return libc.prctl(22, 2, program, 0, 0)
)";

struct Refusal : Case {
  std::string calls;
  int error;
};
class RefusingSystemTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusingSystemTest, AMissingSnapshotIsToldAndNothingElse) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute("x = 1").ok());
  const Execution filtered = server.execute(kRefuse + std::string("refuse([") + GetParam().calls +
                                            "], " + std::to_string(GetParam().error) + ")");
  if (filtered.value() != 0) GTEST_SKIP() << "the system allows no filter";
  EXPECT_EQ(filtered.terminal.value("kept", true), false);
  EXPECT_EQ(server.status()["snapshots"].value("failure", ""), std::strerror(GetParam().error));
  EXPECT_EQ(server.execute("x = 2\nx").value(), 2);
  EXPECT_EQ(request(server, {{"type", "checkpoint"}}).value("code", ""), "invalid_field");
  EXPECT_EQ(server.execute("x = 3", {{"transaction", "rollback_always"}}).reason(), "aborted");
  EXPECT_EQ(server.execute("x").value(), 2);
  EXPECT_EQ(server.execute("os.abort()").terminal["restored"], true);
  EXPECT_EQ(server.execute("x").value(), 1);
  EXPECT_TRUE(server.execute("x = 4").terminal.value("kept", true));
  EXPECT_FALSE(server.status()["snapshots"].contains("failure"));
}

std::string forks() {
  std::string calls = std::to_string(SYS_clone) + ", " + std::to_string(SYS_clone3);
#ifdef SYS_fork
  calls += ", " + std::to_string(SYS_fork) + ", " + std::to_string(SYS_vfork);
#endif
  return calls;
}

const Refusal kRefusals[] = {
    {"NoMemoryToFork", forks(), ENOMEM},
    {"TooManyProcesses", forks(), EAGAIN},
    {"TooManyFilesInTheSystem", std::to_string(SYS_socketpair), ENFILE},
    {"TooManyFiles", std::to_string(SYS_socketpair), EMFILE},
    {"NoMemoryForASocket", std::to_string(SYS_socketpair), ENOMEM},
};
INSTANTIATE_TEST_SUITE_P(Errors, RefusingSystemTest, ::testing::ValuesIn(kRefusals), CaseName{});

TEST(SurvivePromiseTest, ADeathMeanwhileGoesBackToTheLastOneThatCouldBeMade) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute("import os\nheld = []\nx = 1", {{"id", "a"}}).ok());
  server.execute("try:\n    while True: held.append(os.dup(0))\nexcept OSError: x = 2",
                 {{"id", "b"}});
  const Json restored = kill_at_rest(server, first_interpreter(server));
  EXPECT_EQ(restored["last_execution_id"], "a");
  EXPECT_EQ(restored["undone"], Json({"b"}));
  EXPECT_EQ(server.execute("x, held").value(), Json({1, Json::array()}));
}

// A page that a snapshot has as well is copied when it is first written: here, while the client
// pauses.
TEST(SurvivePromiseTest, WhatExecutionsKeepWritingToIsCopiedBetweenThem) {
  alignas(4096) static char page[4096];
  if (::madvise(page, sizeof page, MADV_POPULATE_WRITE) != 0) GTEST_SKIP() << "Linux before 5.14";
  ServerProcess server(surviving());
  server.execute(
      "import mmap, resource\n"
      "pages = mmap.mmap(-1, 400 * 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
      "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
      "def write():\n"
      "    before = faults()\n"
      "    for page in range(0, 400, 2): pages[page * 4096] = 1\n"
      "    return faults() - before");
  std::int64_t fewest = 200;
  for (int i = 0; i < 100 && fewest > 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // somebody types
    fewest = std::min(fewest, server.execute("write()").value().get<std::int64_t>());
  }
  EXPECT_LE(fewest, 20);
}

}  // namespace
}  // namespace replwire_tests
