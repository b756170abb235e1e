// The program's options, one by one.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/run_program.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

TEST(OptionsTest, HelpNamesEveryOption) {
  const ProgramRun run = run_program(options({"--help"}));
  EXPECT_EQ(run.status, 0);
  for (const char* option :
       {"--help", "--version", "--cwd", "--startup", "--max-frame-bytes", "--queue-limit",
        "--queue-bytes", "--heartbeat", "--fail-on-error", "--stop-on-error", "--log"}) {
    EXPECT_NE(run.out.find(option), std::string::npos) << option << "\n" << run.out;
  }
}

TEST(OptionsTest, VersionIsTheOneOfReady) {
  const ProgramRun run = run_program(options({"--version"}));
  EXPECT_EQ(run.status, 0);
  ServerProcess server;
  const std::string version = server.ready()["server"]["version"];
  EXPECT_NE(run.out.find(version), std::string::npos) << run.out;
}

TEST(OptionsTest, ANumberThatIsTooSmallIsToldItsBound) {
  for (const char* number : {"0", "-1", "half"}) {
    const ProgramRun run = run_program(options({"--snapshots", number}));
    EXPECT_EQ(run.status, 2) << number;
    EXPECT_NE(run.err.find("must be a whole number from 1, not "), std::string::npos) << run.err;
  }
}

TEST(OptionsTest, SizesAndTimesTakeSuffixes) {
  const auto limits = [](const std::string& size) {
    ServerProcess server(options({"--queue-bytes", size}));
    return server.ready()["limits"]["queue_bytes"];
  };
  EXPECT_EQ(limits("512"), 512);
  EXPECT_EQ(limits("64k"), 65536);
  EXPECT_EQ(limits("512M"), 512 << 20);
  EXPECT_EQ(limits("1.5GiB"), 1610612736);
  ServerProcess server(options({"--timeout", "100ms"}));
  EXPECT_EQ(server.execute("while True: pass").terminal["reason"], "timeout");
  const ProgramRun size = run_program(options({"--memory-limit", "2 apples"}));
  EXPECT_EQ(size.status, 2);
  EXPECT_NE(size.err.find("such as 512M, not 2 apples"), std::string::npos) << size.err;
  const ProgramRun time = run_program(options({"--timeout", "1 week"}));
  EXPECT_EQ(time.status, 2);
  EXPECT_NE(time.err.find("must be from 0"), std::string::npos) << time.err;
}

TEST(OptionsTest, AnUnknownOptionIsToldTheNearest) {
  const std::pair<const char*, const char*> words[] = {
      {"--memroy-limit=2G", "--memroy-limit: no such option; did you mean --memory-limit?"},
      {"--survives", "--survives: no such option; did you mean --survive?"},
      {"--frobnicate", "--frobnicate: no such option\n"},
      {"file.py", "file.py: not an option"}};
  for (const auto& [word, said] : words) {
    const ProgramRun run = run_program(options({word}));
    EXPECT_EQ(run.status, 2);
    EXPECT_TRUE(run.err.starts_with("replwire: ")) << run.err;
    EXPECT_NE(run.err.find(said), std::string::npos) << run.err;
  }
}

TEST(OptionsTest, EveryWrongUsageBeginsWithTheProgram) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--cwd", "/no/such/folder"}, {"--snapshots"}, {"--on-stuck", "run"}, {"--", "-c"}}) {
    const ProgramRun run = run_program(options(words));
    EXPECT_EQ(run.status, 2);
    EXPECT_TRUE(run.err.starts_with("replwire: ")) << run.err;
  }
}

TEST(OptionsTest, StrictRefusesFieldsThatARequestDoesNotHave) {
  ServerProcess server(options({"--strict"}));
  server.send({{"type", "execute"}, {"id", "a"}, {"code", "1"}, {"timeuot", 2}});
  const Json refusal = server.read_until("protocol_error").back();
  EXPECT_EQ(refusal["code"], "invalid_field");
  EXPECT_EQ(refusal["id"], "a");
  EXPECT_EQ(refusal["message"], "execute: /timeuot: is not a field of it");
  EXPECT_EQ(server.execute("42").value(), 42);
  ServerProcess lenient;
  EXPECT_EQ(lenient.execute("42", {{"timeuot", 2}}).value(), 42);
}

class WrongUsageTest : public ::testing::TestWithParam<std::vector<std::string>> {};

TEST_P(WrongUsageTest, IsStatusTwoAndAWordOnStandardError) {
  const ProgramRun run = run_program(options(GetParam()));
  EXPECT_EQ(run.status, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_NE(run.err, "");
}

using Words = std::vector<std::string>;
INSTANTIATE_TEST_SUITE_P(Usages, WrongUsageTest,
                         ::testing::Values(Words{"--no-such-option"}, Words{"superfluous"},
                                           Words{"--max-frame-bytes", "many"},
                                           Words{"--max-frame-bytes", "-5"},
                                           Words{"--queue-limit", "x"}, Words{"--queue-bytes"},
                                           Words{"--cwd"}, Words{"--startup"}));

TEST(OptionsTest, CwdIsWhereCodeRuns) {
  TempDir directory;
  directory.write("nearby.py", "x = 'found'\n");
  ServerProcess server(options({"--cwd", directory.path()}));
  EXPECT_EQ(server.execute("import os\nos.getcwd()").value(), directory.path());
  EXPECT_EQ(server.execute("import nearby\nnearby.x").value(), "found");
}

TEST(OptionsTest, CwdThatIsMissingIsAFailure) {
  const ProgramRun run = run_program(options({"--cwd", "/no/such/directory"}));
  EXPECT_GT(run.status, 0);
  EXPECT_NE(run.err, "");
  EXPECT_EQ(run.out, "");
}

TEST(OptionsTest, LogIsOffUnlessTold) {
  ServerProcess server;
  server.execute("1 / 0");
  server.send_line("nonsense");
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
  EXPECT_EQ(server.stderr_text(), "");
}

TEST(OptionsTest, LogGoesIntoAFile) {
  TempDir directory;
  ServerProcess server(options({"--log", directory.path("log")}));
  server.execute("1");
  server.send_line("nonsense");
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
  EXPECT_NE(read_text(directory.path("log")), "");
  EXPECT_EQ(server.stderr_text(), "");
}

TEST(OptionsTest, LogGoesToStandardErrorWithADash) {
  ServerProcess server(options({"--log", "-"}));
  server.execute("1");
  server.send_line("nonsense");
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
  EXPECT_NE(server.stderr_text(), "");
}

TEST(StartupTest, RunsBeforeReadyInTheSessionsNamespace) {
  TempDir directory;
  ServerProcess server(options({"--startup", directory.write("s.py", "import os\nx = 41\n")}));
  EXPECT_EQ(server.execute("x + 1").value(), 42);
}

TEST(StartupTest, WhatItPrintsComesAfterReadyWithANullId) {
  TempDir directory;
  const std::string file = directory.write(
      "s.py", "import sys\nprint('hello')\nprint('tail', end='')\nprint('err', file=sys.stderr)\n");
  // The client starts by reading one frame and takes it for `ready`.
  ServerProcess server(options({"--startup", file}));
  EXPECT_EQ(server.ready()["type"], "ready");
  const Json id = server.start("print('own')");
  const std::vector<Json> frames = server.read_until(is_terminal);
  std::string startup;
  for (const Json& frame : frames) {
    if (frame["type"] != "output" || frame["stream"] != "stdout") continue;
    if (frame["execution_id"].is_null()) {
      startup += frame["data"].get<std::string>();
    } else {
      EXPECT_EQ(frame["execution_id"], id);
    }
  }
  EXPECT_EQ(startup, "hello\ntail");
  EXPECT_EQ(output_text(frames, "stderr"), "err\n");
}

TEST(StartupTest, MayNotAsk) {
  TempDir directory;
  const std::string file =
      directory.write("s.py",
                      "try:\n    input('may I?')\n    got = 'an answer'\nexcept Exception as e:\n"
                      "    got = type(e).__name__\n");
  ServerProcess server(options({"--startup", file}));
  const Json got = server.execute("got").value();
  EXPECT_NE(got, "an answer");
  EXPECT_EQ(server.ask("input()", "now yes").value(), "now yes");
}

TEST(StartupTest, WhatAStartupFilePrintsBeforeItEndsTheProcessArrives) {
  TempDir directory;
  const std::string file =
      directory.write("startup.py", "import os\nprint('why', flush=True)\nos._exit(3)\n");
  const ProgramRun run = run_program(options({"--startup", file}));
  EXPECT_EQ(run.status, 3) << run.out;
  const std::size_t said = run.out.find("why\\n");
  ASSERT_NE(said, run.out.npos) << run.out;
  EXPECT_NE(run.out.find("\"type\":\"fatal\"", said), run.out.npos) << run.out;
}

class FailingStartupTest : public ::testing::TestWithParam<const char*> {};

TEST_P(FailingStartupTest, IsOneLineOnStandardErrorAndStatusTwo) {
  TempDir directory;
  const std::string file = directory.write("s.py", GetParam());
  const ProgramRun run =
      run_program(options({"--startup", file}), "{\"type\":\"execute\",\"code\":\"1\"}\n");
  EXPECT_EQ(run.status, 2);
  EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
  EXPECT_EQ(run.out.find("\"result\""), std::string::npos) << run.out;
}

INSTANTIATE_TEST_SUITE_P(Files, FailingStartupTest,
                         ::testing::Values("1 / 0\n", "x = = 1\n", "raise ValueError('a\\nb')\n",
                                           "input()\n"));

TEST(StartupTest, OneThatIsMissingIsAFailure) {
  const ProgramRun run = run_program(options({"--startup", "/no/such/file.py"}));
  EXPECT_GT(run.status, 0);
  EXPECT_NE(run.err, "");
  EXPECT_EQ(run.out, "");
}

TEST(StartupTest, ItsFunctionsHaveTheirSource) {
  TempDir directory;
  const std::string file = directory.write("s.py", "def f():\n    return 1 / 0\n");
  ServerProcess server(options({"--startup", file}));
  const Json frame = server.execute("f()").terminal["frames"].back();
  EXPECT_EQ(frame["filename"], file);
  EXPECT_EQ(frame["line"], 2);
  EXPECT_NE(frame["source"].get<std::string>().find("return 1 / 0"), std::string::npos);
  EXPECT_EQ(server.execute("import inspect\ninspect.getsource(f)").value(),
            "def f():\n    return 1 / 0\n");
}

}  // namespace
}  // namespace replwire_tests
