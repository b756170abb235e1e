// --survive: two things that happen at the same moment.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "support/process_watch.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

void wait_until(const std::function<bool()>& fits) {
  const Clock::time_point end = Clock::now() + kPatience;
  while (!fits() && Clock::now() < end) std::this_thread::yield();
}

bool has_stopped(pid_t process) {
  const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(process) + "/task");
  return std::ranges::all_of(begin(tasks), end(tasks), [](const auto& task) {
    std::ifstream file(task.path() / "stat");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return text.find(") T ") != text.npos;
  });
}

// Until it is sent SIGCONT.
void stop(pid_t process) {
  ::kill(process, SIGSTOP);
  wait_until([process] { return has_stopped(process); });
}

// Of the two, the kill must win: the execution has one end.
TEST(SurviveMomentTest, AnExecutionThatEndsAsItIsKilledEndsOnce) {
  ServerProcess server(surviving());
  server.execute(
      "import signal, time\nx = signal.signal(signal.SIGRTMAX - 6, signal.SIG_IGN)\n"
      "x = signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 60))");
  double moment = 0.002;  // near that at which as many end as are killed
  for (int round = 0; round < 100; ++round) {
    const std::string code = "end = time.monotonic() + " + std::to_string(moment) +
                             "\nwhile time.monotonic() < end: pass";
    const Execution ended = server.execute(code, {{"timeout", 0.001}, {"grace", 0.001}});
    moment += ended.ok() ? 0.00002 : -0.00002;
    for (const Json& frame : server.frames_before_status()) EXPECT_FALSE(is_terminal(frame));
  }
}

// With it the one that is to be woken would be given up: there may be one only. Which of the two
// comes first is left to chance.
TEST(SurviveMomentTest, ASnapshotThatIsReadyAsAnotherIsRestoredIsGivenUp) {
  TempDir folder;
  ServerProcess server(surviving({"--snapshots", "1", "--survive-level", "fast"}));
  server.execute(
      "import os, time\nfolder = '" + folder.path("") +
      "'\ndef before():\n    while armed and not os.path.exists(folder + 'go'): time.sleep(0.001)\n"
      "armed = False\nos.register_at_fork(before=before)");
  for (int round = 0; round < 20; ++round) {
    std::filesystem::remove(folder.path("go"));
    server.execute("x = 1");
    server.execute("'it has its snapshot'", {{"silent", true}});
    server.execute("'and so has this'", {{"silent", true}});
    server.execute("x = 2\narmed = True");
    const Json all = request(server, {{"type", "checkpoints"}})["checkpoints"];
    ASSERT_EQ(all.size(), 1U) << "round " << round;
    folder.write("go", "");
    server.send({{"type", "restore"}, {"id", round}, {"checkpoint_id", all[0]["checkpoint_id"]}});
    const auto answers = [round](const Json& frame) { return frame.value("id", Json()) == round; };
    const bool back = server.read_until(answers).back()["type"] == "restore_reply";
    ASSERT_EQ(server.execute("armed = False\nx").value(), back ? 1 : 2) << "round " << round;
  }
}

// The reader's thread, which takes what the interpreter says, has its hands full: the output behind
// an event waits for that, and then for nothing else.
TEST(SurviveMomentTest, OutputBehindAnEventComesWithoutAnother) {
  TempDir folder;
  ServerProcess server(surviving());
  const Json id = server.start("import os, time\nwhile not os.path.exists('" + folder.path("go") +
                               "'): time.sleep(0.001)\ndisplay(1)\nprint('on')\ntime.sleep(600)");
  std::string ones = "1";
  while (ones.size() < 16'000'000) ones += ",1";
  server.send_bytes(R"({"type":"status","id":"s","ones":[)" + ones + "]}\n");
  folder.write("go", "");
  EXPECT_EQ(server.read_line(), "on\n");
  server.send({{"type", "interrupt"}, {"execution_id", id}, {"grace", 60}});
  server.finish(id);
}

// Between the death of one and the first word of the next there is nobody to ask.
TEST(SurviveMomentTest, AnInquiryThatComesBeforePythonIsStartedAnewIsAnswered) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  server.execute("gone = 1");
  const pid_t origin = children_of(server.pid()).front();  // what starts it anew
  ASSERT_NE(origin, first_interpreter(server));
  stop(origin);
  ::kill(first_interpreter(server), SIGKILL);
  wait_until([&] { return server.status()["state"] == "busy"; });
  server.send({{"type", "complete"}, {"id", "c"}, {"code", "prin"}});
  server.status();
  ::kill(origin, SIGCONT);
  EXPECT_EQ(server.read_until("complete_reply").back()["matches"], Json({"print"}));
}

TEST(SurviveMomentTest, ARestoreThatAShutdownFollowsIsAnswered) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  const Json id = checkpoint(server);
  server.send({{"type", "restore"}, {"id", "r"}, {"checkpoint_id", id}});
  server.send({{"type", "shutdown"}, {"id", "s"}});
  const std::vector<Json> frames = server.read_to_end();
  EXPECT_FALSE(frame_of(frames, "restore_reply").is_null()) << server.describe();
  EXPECT_EQ(frames.back()["type"], "shutdown_reply");
  EXPECT_EQ(server.wait_exit(), 0);
}

// Dead, and not waited for: its number is still there to be found.
TEST(SurviveMomentTest, AServerKilledWhileItWakesASnapshotLeavesNobody) {
  TempDir folder;
  ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
  const Fd pipe(::open(folder.path("pipe").c_str(), O_RDONLY | O_NONBLOCK));
  ServerProcess server(surviving());
  server.execute("held = open('" + folder.path("pipe") + "', 'wb', buffering=0)");
  checkpoint(server);
  std::vector<pid_t> sleepers = children_of(server.pid());
  std::erase(sleepers, first_interpreter(server));
  for (const pid_t each : sleepers) stop(each);
  ::kill(first_interpreter(server), SIGKILL);
  wait_until([&] { return server.status()["state"] == "busy"; });
  server.signal(SIGKILL);
  ASSERT_TRUE(ProcessWatch(server.pid()).ends(kPatience));
  for (const pid_t each : sleepers) ::kill(each, SIGCONT);
  EXPECT_TRUE(wait_for(pipe.get(), POLLHUP, Clock::now() + Millis(2000)));
}

// Only what it sends next waits for the snapshot.
TEST(SurviveMomentTest, AtTheFastLevelTheReplyIsThereBeforeTheSnapshotIsMade) {
  TempDir folder;
  ServerProcess server(surviving({"--survive-level", "fast"}));
  server.execute("import os, time\ndef before():\n    while not os.path.exists('" +
                 folder.path("go") + "'): time.sleep(0.001)\nos.register_at_fork(before=before)");
  const Json next = server.start("'next'");
  EXPECT_EQ(server.status()["state"], "busy");
  folder.write("go", "");
  EXPECT_EQ(server.finish(next).value(), "next");
}

}  // namespace
}  // namespace replwire_tests
