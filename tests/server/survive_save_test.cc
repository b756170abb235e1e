// --survive: a copy of the interpreter writes the file, while code goes on.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/branches.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

// A session one of whose variables is pickled when the test says so.
class SurviveSaveTest : public ::testing::Test {
 protected:
  SurviveSaveTest() : server_(surviving()) {
    ::mkfifo(gate().c_str(), 0600);
    server_.execute("import copyreg, os\ndef wait(z):\n    os.write(1, b'begun\\n')\n    open('" +
                    gate() +
                    "').read()\n    return complex, ()\ncopyreg.pickle(complex, wait)\n"
                    "x, z = [1], 1j");
  }

  std::string file() const { return folder_.path("a.session"); }
  std::string gate() const { return folder_.path("gate"); }
  // Until the copy is at work.
  void begin() {
    server_.send({{"type", "save"}, {"id", "s"}, {"path", file()}, {"names", {"x", "z"}}});
    server_.read_line();
  }
  // It is pickled twice.
  void let_it_go_on() {
    std::ofstream(gate()) << "go";
    server_.read_line();
    std::ofstream(gate()) << "go";
  }
  std::vector<Json> up_to_reply() {
    return server_.read_until([](const Json& frame) {
      return frame.value("id", "") == "s" && frame["type"] != "progress";
    });
  }
  Json reply() { return up_to_reply().back(); }
  Json load() {
    server_.send({{"type", "load"}, {"id", "l"}, {"path", file()}});
    return server_.read_until("load_reply").back();
  }

  TempDir folder_;
  ServerProcess server_;
};

TEST_F(SurviveSaveTest, CodeGoesOnMeanwhile) {
  begin();
  EXPECT_EQ(server_.execute("x.append(2)\nx").value(), (Json{1, 2}));
  EXPECT_EQ(server_.status()["state"], "idle");
  let_it_go_on();
  EXPECT_EQ(reply()["saved"], (Json{"x", "z"}));
  EXPECT_EQ(load()["loaded"], (Json{"x", "z"}));
  EXPECT_EQ(server_.execute("x").value(), Json{1}) << "as it was in its turn";
}

TEST_F(SurviveSaveTest, ALoadBehindItWaitsForIt) {
  begin();
  server_.send({{"type", "load"}, {"id", "l"}, {"path", file()}, {"names", {"x"}}});
  const Json later = server_.start("x");
  for (const Json& frame : server_.frames_before_status()) EXPECT_NE(frame["type"], "load_reply");
  let_it_go_on();
  EXPECT_EQ(reply()["saved"], (Json{"x", "z"}));
  EXPECT_EQ(server_.finish(later).value(), Json{1});
}

TEST_F(SurviveSaveTest, ACrashInItCostsTheSaveAlone) {
  server_.execute("import ctypes\ndef wait(z): ctypes.string_at(0)\ncopyreg.pickle(complex, wait)");
  server_.send({{"type", "save"}, {"id", "s"}, {"path", file()}});
  const std::vector<Json> frames = up_to_reply();
  EXPECT_EQ(frames.back()["code"], "save_failed") << frames.back();
  EXPECT_NE(frames.back()["message"].get<std::string>().find("died"), std::string::npos);
  EXPECT_TRUE(frame_of(frames, "restored").is_null());
  EXPECT_EQ(server_.execute("x").value(), Json{1});
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(SurviveSaveTest, ItIsInterruptedByItsIdWhileOtherCodeRuns) {
  begin();
  const Json asks = server_.start("input()");
  const Json question = server_.await_input();
  EXPECT_EQ(server_.interrupt("s")["outcome"], "delivered");
  EXPECT_EQ(reply()["message"], "save: interrupted");
  server_.answer(question["id"], "unharmed");
  EXPECT_EQ(server_.finish(asks).value(), "unharmed");
}

TEST_F(SurviveSaveTest, ItOutlivesTheInterpreter) {
  begin();
  EXPECT_EQ(server_.execute("os._exit(3)").reason(), "crash");
  let_it_go_on();
  EXPECT_EQ(reply()["saved"], (Json{"x", "z"}));
  EXPECT_EQ(load()["loaded"], (Json{"x", "z"}));
}

TEST_F(SurviveSaveTest, TheEndOfInputWaitsForIt) {
  begin();
  server_.close_stdin();
  let_it_go_on();
  EXPECT_EQ(reply()["saved"], (Json{"x", "z"}));
  EXPECT_EQ(server_.wait_exit(), 0);
}

TEST_F(SurviveSaveTest, AShutdownDoesNot) {
  begin();
  server_.send({{"type", "shutdown"}, {"id", "bye"}});
  const std::vector<Json> frames = server_.read_to_end();
  EXPECT_EQ(frame_of(frames, "protocol_error")["code"], "shutting_down");
  EXPECT_EQ(server_.wait_exit(), 0);
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(SurviveSaveTest, AnUndoBehindItDoesNotUndoIt) {
  server_.execute("x = [2]");
  server_.send({{"type", "save"}, {"id", "s"}, {"path", file()}, {"names", {"x"}}});
  server_.send({{"type", "undo"}, {"id", "u"}});
  EXPECT_EQ(reply()["saved"], Json{"x"});
  EXPECT_EQ(server_.execute("x").value(), Json{1});
  load();
  EXPECT_EQ(server_.execute("x").value(), Json{2});
}

TEST_F(SurviveSaveTest, ABranchSavesItsOwn) {
  Branch branch(server_);
  branch.execute("x.append(2)");
  const Json saved = branch.ask({{"type", "save"}, {"path", file()}, {"names", {"x"}}});
  EXPECT_EQ(saved["saved"], Json{"x"}) << saved;
  EXPECT_EQ(saved["session"], branch.name());
  load();
  EXPECT_EQ(server_.execute("x").value(), (Json{1, 2}));
}

TEST_F(SurviveSaveTest, ThatOfABranchEndsWithIt) {
  Branch(server_).close();
  const auto before = children_of(server_.pid());
  Branch branch(server_);
  server_.send({{"type", "save"},
                {"id", "s"},
                {"session", branch.name()},
                {"path", file()},
                {"names", {"z"}}});
  server_.read_line();
  server_.send({{"type", "close"}, {"id", "c"}, {"session", branch.name()}});
  const auto frames = server_.read_until("close_reply");
  EXPECT_EQ(frame_of(frames, "protocol_error")["id"], "s");
  EXPECT_EQ(children_of(server_.pid()), before);
  EXPECT_FALSE(std::filesystem::exists(file()));
  EXPECT_EQ(server_.execute("x").value(), Json{1});
}

TEST_F(SurviveSaveTest, UserCodeSeesNothingOfTheCopy) {
  begin();
  EXPECT_EQ(
      server_.execute("try: os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError: print('none')")
          .out,
      "none\n");
  let_it_go_on();
  EXPECT_EQ(reply()["saved"], (Json{"x", "z"}));
}

}  // namespace
}  // namespace replwire_tests
