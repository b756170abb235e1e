// `--heartbeat`: what it says, when, and to whom not.
#include <gtest/gtest.h>

#include <set>

#include "support/case.h"
#include "support/run_program.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

Launch every(const char* seconds) { return options({"--heartbeat", seconds}); }

Json next_beat(ServerProcess& server) { return server.read_until("heartbeat").back(); }

std::set<std::string> fields_of(const Json& frame) {
  std::set<std::string> fields;
  for (const auto& [name, value] : frame.items()) fields.insert(name);
  return fields;
}

TEST(HeartbeatTest, HasTheFieldsOfAStatusReplyWithoutId) {
  ServerProcess server(every("0.02"));
  std::set<std::string> fields = fields_of(server.status());
  fields.erase("id");
  EXPECT_EQ(fields_of(next_beat(server)), fields);
}

TEST(HeartbeatTest, ComesAtRest) {
  ServerProcess server(every("0.02"));
  for (int n = 0; n < 5; ++n) {
    const Json beat = next_beat(server);
    EXPECT_EQ(beat["state"], "idle");
    EXPECT_EQ(beat["execution_id"], nullptr);
    EXPECT_EQ(beat["elapsed"], 0);
    EXPECT_GT(beat["memory_usage"], 1'000'000);
    EXPECT_GT(beat["cpu_seconds"], 0);
  }
}

TEST(HeartbeatTest, NamesTheInputThatWaits) {
  ServerProcess server(every("0.02"));
  const Json id = server.start("input()");
  const Json request = server.await_input();
  server.start("1");
  while (next_beat(server)["queued"] == 0) continue;
  const Json beat = next_beat(server);
  EXPECT_EQ(beat["state"], "waiting_for_input");
  EXPECT_EQ(beat["execution_id"], id);
  EXPECT_EQ(beat["pending_inputs"], Json({request["id"]}));
  EXPECT_EQ(beat["queued"], 1);
}

struct Work : Case {
  const char* code;
};

class HeartbeatBusyTest : public ::testing::TestWithParam<Work> {};

TEST_P(HeartbeatBusyTest, ComesWhileItRuns) {
  ServerProcess server(every("0.02"));
  const Json id = server.start(GetParam().code);
  server.read_line();
  double elapsed = 0;
  for (int n = 0; n < 5; ++n) {
    const Json beat = next_beat(server);
    EXPECT_EQ(beat["state"], "busy");
    EXPECT_EQ(beat["execution_id"], id);
    EXPECT_GT(beat["elapsed"], elapsed);
    elapsed = beat["elapsed"];
  }
}

const Work kWorks[] = {
    {"CallThatHoldsTheInterpreter", "print('go')\nsum(range(10**11))"},
    {"Loop", "print('go')\nwhile True: pass"},
    {"Sleep", "import time\nprint('go')\ntime.sleep(600)"},
    {"FloodOfPrints", "while True: print('go')"},
};

INSTANTIATE_TEST_SUITE_P(Works, HeartbeatBusyTest, ::testing::ValuesIn(kWorks), CaseName{});

TEST(HeartbeatTest, ComesWhileTheServerReadsNoFurther) {
  ServerProcess server(options({"--heartbeat", "0.02", "--queue-bytes", "1"}));
  server.start("while True: pass");
  server.start("2");
  while (next_beat(server)["queued"] == 0) continue;
  EXPECT_EQ(next_beat(server)["queued"], 1);
}

TEST(HeartbeatTest, DoesNotDisturbASystemCall) {
  ServerProcess server(every("0.02"));
  const Execution execution = server.execute(
      "import ctypes, time\nstart = time.monotonic()\nn = ctypes.CDLL(None).usleep(300_000)\n"
      "n, time.monotonic() - start >= 0.3");
  EXPECT_EQ(execution.value(), Json({0, true})) << execution;
}

TEST(HeartbeatTest, NoneUnlessToldSo) {
  ServerProcess server;
  EXPECT_EQ(types_of(server.execute("import time\ntime.sleep(0.3)").frames),
            std::vector<std::string>{"result"});
}

TEST(HeartbeatTest, NoneComesAfterTheLastFrame) {
  ServerProcess server(every("0.01"));
  next_beat(server);
  server.send({{"type", "shutdown"}, {"id", "bye"}});
  EXPECT_EQ(server.read_to_end().back()["type"], "shutdown_reply");
  EXPECT_EQ(server.wait_exit(), 0);
}

class HeartbeatIntervalTest : public ::testing::TestWithParam<const char*> {};

TEST_P(HeartbeatIntervalTest, IsRefusedInPlainWords) {
  const ProgramRun run = run_program(every(GetParam()));
  EXPECT_EQ(run.status, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_NE(run.err.find("--heartbeat: must be from 0.01 to 1000000000 seconds, not "),
            std::string::npos)
      << run.err;
}

INSTANTIATE_TEST_SUITE_P(Wrong, HeartbeatIntervalTest,
                         ::testing::Values("0", "-1", "nan", "inf", "1e10", "1e-9", "soon", "5x",
                                           " "));

TEST(HeartbeatTest, TheBoundsThemselvesAreTaken) {
  for (const char* interval : {"0.01", "1e9", "5s"}) {
    ServerProcess server(every(interval));
    EXPECT_EQ(server.execute("1").value(), 1);
  }
}

}  // namespace
}  // namespace replwire_tests
