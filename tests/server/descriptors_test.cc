// That a session needs a fixed number of descriptors: none per question, per thread that asks or
// per thread that waits; and that it goes on where no number is free.
#include <gtest/gtest.h>

#include <filesystem>

#include "support/case.h"
#include "support/server_process.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

class DescriptorsTest : public testing::TestWithParam<bool> {
 protected:
  static Launch launch() { return GetParam() ? surviving() : Launch{}; }
};
INSTANTIATE_TEST_SUITE_P(Mode, DescriptorsTest, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Survive" : "OneProcess"; });

std::size_t descriptors_of(pid_t process) {
  const std::filesystem::directory_iterator folder("/proc/" + std::to_string(process) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(folder), end(folder)));
}

TEST_P(DescriptorsTest, SixHundredThreadsThatAskNeedNone) {
  ServerProcess server(launch());
  server.execute("import threading\ngot = []");
  const pid_t interpreter = first_interpreter(server);
  const std::size_t before = descriptors_of(interpreter);
  const std::size_t before_in_server = descriptors_of(server.pid());
  const Json id = server.start(
      "threads = [threading.Thread(target=lambda: got.append(input())) for _ in range(600)]\n"
      "for t in threads: t.start()\n"
      "for t in threads: t.join()\n"
      "len(got), len(set(got))");
  std::vector<Json> asked;
  for (int i = 0; i < 600; ++i) asked.push_back(server.await_input()["id"]);
  constexpr std::size_t kSnapshots = 4;  // may be taken meanwhile
  EXPECT_LE(descriptors_of(interpreter), before + kSnapshots);
  EXPECT_LE(descriptors_of(server.pid()), before_in_server + kSnapshots);
  for (std::size_t i = 0; i < asked.size(); ++i) server.answer(asked[i], std::to_string(i));
  EXPECT_EQ(server.finish(id).value(), Json::array({600, 600}));
}

constexpr const char* kUseUp =
    "import os, threading\n"
    "held = []\n"
    "try:\n"
    "    while True: held.append(os.open('/dev/null', os.O_RDONLY))\n"
    "except OSError: pass\n";

TEST_P(DescriptorsTest, WithNoneLeftInputAsksAndIsAnswered) {
  ServerProcess server(launch());
  EXPECT_EQ(server.ask(std::string(kUseUp) + "input()", "a").value(), "a");
  EXPECT_EQ(server.ask("input()", "b").value(), "b");
  const Json id = server.start(
      "got = []\n"
      "t = threading.Thread(target=lambda: got.append(input())); t.start(); t.join(); got");
  server.answer(server.await_input()["id"], "c");
  EXPECT_EQ(server.finish(id).value(), Json::array({"c"}));
}

TEST_P(DescriptorsTest, AnAlarmEndsAnInputThatWaits) {
  ServerProcess server(launch());
  const Execution execution = server.execute(
      "import signal\n"
      "def ring(*_): raise TimeoutError\n"
      "signal.signal(signal.SIGALRM, ring)\n"
      "signal.setitimer(signal.ITIMER_REAL, 0.05)\n"
      "input()");
  EXPECT_EQ(execution.exception(), "TimeoutError");
  EXPECT_EQ(server.ask("input()", "x").value(), "x");
}

}  // namespace
}  // namespace replwire_tests
