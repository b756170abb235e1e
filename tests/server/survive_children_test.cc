// --survive: whose the output of children is that executions have left behind.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>

#include "support/branches.h"
#include "support/process_watch.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

std::size_t descriptors_of(pid_t process) {
  const auto folder = "/proc/" + std::to_string(process) + "/fd";
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

// {session and execution: what came through descriptors}, with "late " in front of what was.
std::map<std::string, std::string> told(const std::vector<Json>& frames) {
  std::map<std::string, std::string> texts;
  for (const Json& frame : frames) {
    if (frame["type"] != "output" || !frame.contains("origin")) continue;
    const std::string late = frame.value("late", false) ? "late " : "";
    const Json session = frame.value("session", Json());
    const std::string where = session.is_null() ? "" : session.get<std::string>() + "/";
    const Json& id = frame["execution_id"];
    texts[late + where + (id.is_null() ? "nobody" : id.get<std::string>())] +=
        frame["data"].get<std::string>();
  }
  return texts;
}
using Told = std::map<std::string, std::string>;

// A child that says who started it when it is told to go.
class Child {
 public:
  explicit Child(std::string name) : name_(std::move(name)) {
    ::mkfifo(folder_.path("go").c_str(), 0600);
  }
  // Before it: `prepare()`.
  std::string start(const std::string& more = "") const {
    return "p = subprocess.Popen('read go < " + folder_.path("go") + "; echo of " + name_ +
           "', shell=True" + more + ")\n";
  }
  // Waits until it runs.
  void go() const {
    const Fd fifo(::open(folder_.path("go").c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_EQ(::write(fifo.get(), "go\n", 3), 3);
  }

 private:
  TempDir folder_;
  std::string name_;
};

class SurviveChildrenTest : public ::testing::Test {
 protected:
  SurviveChildrenTest() { server_.execute("import os, subprocess, time\nx = 0"); }

  // Runs code that writes to a descriptor while the child does; frames until that has been told.
  std::vector<Json> later(const Child& child) {
    server_.start("x = os.write(1, b'mine\\n')\ninput()", {{"id", "later"}});
    std::vector<Json> frames = server_.read_until("input");
    child.go();
    const std::vector<Json> more = server_.read_until("output");
    frames.insert(frames.end(), more.begin(), more.end());
    server_.answer("");
    const std::vector<Json> rest = server_.finish("later").frames;
    for (const Json& frame : rest) EXPECT_NE(frame["type"], "display");
    return frames;
  }

  ServerProcess server_{surviving()};
};

const Told kLate = {{"late first", "of first\n"}, {"later", "mine\n"}};

TEST_F(SurviveChildrenTest, AfterAnUndoItIsStillTheFirstOnes) {
  const Child child("first");
  server_.execute(child.start(), {{"id", "first"}});
  server_.execute("x = 1");
  EXPECT_EQ(request(server_, {{"type", "undo"}})["type"], "undo_reply");
  EXPECT_EQ(server_.execute("x").value(), 0);
  EXPECT_EQ(told(later(child)), kLate) << server_.describe();
}

TEST_F(SurviveChildrenTest, AfterAnUndoOfItsOwnExecutionAsWell) {
  const Child child("first");
  server_.execute(child.start(), {{"id", "first"}});
  EXPECT_EQ(request(server_, {{"type", "undo"}})["type"], "undo_reply");
  EXPECT_EQ(told(later(child)), kLate) << server_.describe();
}

TEST_F(SurviveChildrenTest, AfterACrashItIsStillTheFirstOnes) {
  const Child child("first");
  server_.execute(child.start(), {{"id", "first"}});
  EXPECT_EQ(server_.execute("os.abort()").reason(), "crash");
  EXPECT_EQ(told(later(child)), kLate) << server_.describe();
}

// Its session is its own, so that it is not ended with the execution.
TEST_F(SurviveChildrenTest, OfTheExecutionThatCrashedToo) {
  const Child child("first");
  const Execution crashed = server_.execute(
      child.start(", start_new_session=True") + "time.sleep(0.2)\nos.abort()", {{"id", "first"}});
  EXPECT_EQ(crashed.reason(), "crash");
  EXPECT_EQ(told(later(child)), kLate) << server_.describe();
}

TEST_F(SurviveChildrenTest, AfterADeathAtRest) {
  const Child child("first");
  server_.execute(child.start(), {{"id", "first"}});
  kill_at_rest(server_, first_interpreter(server_));
  EXPECT_EQ(told(later(child)), kLate) << server_.describe();
}

TEST_F(SurviveChildrenTest, BeforeASnapshotThatIsGoneBackTo) {
  const Json before = checkpoint(server_);
  const Child child("first");
  server_.execute(child.start(), {{"id", "first"}});
  EXPECT_EQ(request(server_, {{"type", "restore"}, {"checkpoint_id", before}})["type"],
            "restore_reply");
  EXPECT_EQ(told(later(child)), kLate) << server_.describe();
}

// What goes on writes where the server reads, however often both have changed.
TEST_F(SurviveChildrenTest, DescriptorsOfTheCodesOwnLeadWhereTheyShould) {
  server_.execute("copy = os.dup(1)");
  const Child child("first");
  server_.execute(child.start(), {{"id", "first"}});
  EXPECT_EQ(server_.execute("n = os.write(copy, b'copy\\n')").out, "copy\n");
  EXPECT_EQ(server_.execute("os.abort()").reason(), "crash");
  EXPECT_EQ(server_.execute("n = os.write(copy, b'copy\\n') + os.write(2, b'')").out, "copy\n");
  EXPECT_EQ(server_.execute("n = os.system('echo child')").out, "child\n");
  EXPECT_EQ(told(later(child)), kLate) << server_.describe();
}

TEST_F(SurviveChildrenTest, OneThatWasAnsweredAnewHasPipesThatWork) {
  const Child child("first");
  server_.execute(child.start(), {{"id", "first"}});
  EXPECT_EQ(request(server_, {{"type", "reset"}})["type"], "reset_reply");
  server_.execute("import os, subprocess, time");
  EXPECT_EQ(told(later(child)), kLate) << server_.describe();
}

TEST_F(SurviveChildrenTest, OneOfTheParentsIsNotTheBranches) {
  const Child child("first");
  server_.execute(child.start(), {{"id", "first"}});
  Branch branch(server_);
  const Child own("second");
  branch.execute(own.start(), {{"id", "second"}});
  const std::string name = branch.name();
  branch.start("x = os.write(1, b'mine\\n')\ninput()", {{"id", "later"}});
  std::vector<Json> frames = server_.read_until("input");
  for (const Child* each : {&child, &own}) {
    each->go();
    const auto more = server_.read_until("output");
    frames.insert(frames.end(), more.begin(), more.end());
  }
  EXPECT_EQ(told(frames), (Told{{"late first", "of first\n"},
                                {"late " + name + "/second", "of second\n"},
                                {name + "/later", "mine\n"}}))
      << server_.describe();
}

// A process without a parent is found by the pipes that it has.
TEST_F(SurviveChildrenTest, WithABranchEndsWhatThatHasLeftAndNothingElse) {
  const char* const leave = "n = os.system('sleep 600 & echo $!')";
  const pid_t parents = std::stoi(server_.execute(leave).out);
  Branch branch(server_);
  const auto frames = branch.finish(branch.start(leave));
  const pid_t branches = std::stoi(frame_of(frames, "output")["data"].get<std::string>());
  branch.execute("1");
  server_.execute("1");
  const ProcessWatch left(branches);
  EXPECT_EQ(branch.close()["type"], "close_reply");
  EXPECT_TRUE(left.ends(kPatience));
  EXPECT_EQ(::kill(parents, 0), 0);
}

TEST_F(SurviveChildrenTest, AThousandThatAreGoneCostNothing) {
  const pid_t interpreter = first_interpreter(server_);
  const auto open = [&] { return descriptors_of(server_.pid()) + descriptors_of(interpreter); };
  server_.execute("p = subprocess.Popen('true')");
  server_.execute("n = p.wait()");
  const std::size_t before = open();
  for (int n = 0; n < 1000; ++n) server_.execute("p = subprocess.Popen('true')");
  server_.execute("n = p.wait()");
  while (open() > before) server_.execute("1");
  EXPECT_EQ(server_.execute("n = os.system('echo on')").out, "on\n");
}

}  // namespace
}  // namespace replwire_tests
