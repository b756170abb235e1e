// --survive: sessions that begin in the state of another one.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>

#include "support/branches.h"
#include "support/process_watch.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

auto is(std::string_view type, const Json& session = nullptr) {
  return [type = std::string(type), session](const Json& frame) {
    return frame["type"] == type && frame.value("session", Json()) == session;
  };
}

std::size_t descriptors_of(pid_t process) {
  const auto folder = "/proc/" + std::to_string(process) + "/fd";
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

std::size_t lowest_free_descriptor_of(pid_t process) {
  std::size_t number = 0;
  const auto path = [&] {
    return "/proc/" + std::to_string(process) + "/fd/" + std::to_string(number);
  };
  while (std::filesystem::is_symlink(path())) ++number;
  return number;
}

// ---- the state ------------------------------------------------------------------------------

TEST(BranchTest, BeginsInTheStateOfItsParentAndHasAnotherFromThereOn) {
  ServerProcess server(surviving());
  server.execute("x = [1]");
  Branch branch(server);
  EXPECT_EQ(branch.reply()["type"], "branch_reply");
  EXPECT_EQ(branch.reply()["lost_threads"], Json::array());
  EXPECT_EQ(branch.execute("x.append(2)\nx")["value"], Json({1, 2}));
  server.execute("x.append(3)");
  EXPECT_EQ(server.execute("x").value(), Json({1, 3}));
  EXPECT_EQ(branch.execute("x")["value"], Json({1, 2}));
}

TEST(BranchTest, IsAProcessOfItsOwn) {
  ServerProcess server(surviving());
  Branch branch(server);
  EXPECT_EQ(branch.execute("import os\nos.getpid()")["value"], branch.pid());
  EXPECT_NE(branch.pid(), first_interpreter(server));
}

TEST(BranchTest, CountsOnFromItsParent) {
  ServerProcess server(surviving());
  server.execute("1");
  server.execute("2");
  Branch branch(server);
  EXPECT_EQ(branch.execute("3")["execution_count"], 3);
  EXPECT_EQ(server.execute("3").terminal["execution_count"], 3);
}

TEST(BranchTest, TakesItsTurn) {
  ServerProcess server(surviving());
  server.start("x = 1\nimport time\ntime.sleep(0.2)\nx = 2");
  Branch branch(server);
  server.start("x = 3");
  EXPECT_EQ(branch.execute("x")["value"], 2);
}

TEST(BranchTest, BeginsInACheckpointWithoutATurn) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  const Json saved = checkpoint(server);
  server.execute("x = 2");
  server.start("input()");
  server.await_input();
  Branch branch(server, nullptr, {{"checkpoint_id", saved}});
  EXPECT_EQ(branch.reply()["checkpoint_id"], saved);
  EXPECT_EQ(branch.execute("x")["value"], 1);
}

TEST(BranchTest, OfABranch) {
  ServerProcess server(surviving());
  server.execute("x = [0]");
  Branch first(server);
  first.execute("x.append(1)");
  Branch second(server, first.name());
  EXPECT_EQ(first.close()["type"], "close_reply");
  EXPECT_EQ(second.execute("x")["value"], Json({0, 1}));
  EXPECT_EQ(server.execute("x").value(), Json({0}));
}

TEST(BranchTest, OutlivesTheOneThatItBeganInWithItsFirstState) {
  ServerProcess server(surviving());
  Branch parent(server);
  parent.execute("x = 1");
  Branch branch(server, parent.name());
  parent.close();
  ::kill(branch.pid(), SIGKILL);
  const Json restored = server.read_until(is("restored", branch.name())).back();
  EXPECT_EQ(restored["checkpoint_id"], branch.reply()["checkpoint_id"]);
  EXPECT_EQ(branch.execute("x")["value"], 1);
}

TEST(BranchTest, OutlivesTheOneThatHasGivenUpTheSnapshotThatItBeganIn) {
  ServerProcess server(surviving());
  Branch parent(server);
  parent.execute("x = 1");
  Branch branch(server, parent.name());
  for (int n = 0; n < 6; ++n) parent.execute("x += 1");  // more than there are snapshots
  parent.close();
  ::kill(branch.pid(), SIGKILL);
  const Json restored = server.read_until(is("restored", branch.name())).back();
  EXPECT_EQ(restored["checkpoint_id"], branch.reply()["checkpoint_id"]);
  EXPECT_EQ(branch.execute("x")["value"], 1);
}

TEST(BranchTest, DrawsRandomNumbersOfItsOwn) {
  ServerProcess server(surviving());
  server.execute("import random");
  std::set<Json> drawn = {server.execute("random.random()").value()};
  for (int n = 0; n < 3; ++n) {
    Branch branch(server);
    drawn.insert(branch.execute("random.random()")["value"]);
  }
  EXPECT_EQ(drawn.size(), 4U);
}

TEST(BranchTest, GoesOnWithTheEventLoop) {
  ServerProcess server(surviving());
  server.execute("import asyncio\nawait asyncio.sleep(0)\nx = 1");
  Branch branch(server);
  EXPECT_EQ(branch.execute("await asyncio.sleep(0.01)\nx")["value"], 1);
  EXPECT_EQ(server.execute("await asyncio.sleep(0.01)\nx").value(), 1);
}

TEST(BranchTest, LosesThreadsAndWhatOnlyOneMayHave) {
  ServerProcess server(surviving());
  server.execute(
      "import os, threading\nread, write = os.pipe()\n"
      "threading.Thread(target=threading.Event().wait, name='waits', daemon=True).start()");
  Branch branch(server);
  EXPECT_EQ(branch.reply()["lost_threads"], Json({"waits"}));
  EXPECT_EQ(branch.reply()["lost_descriptors"].size(), 1U) << branch.reply();
  EXPECT_EQ(branch.execute("os.write(write, b'x')")["exception_type"], "OSError");
  EXPECT_EQ(server.execute("os.write(write, b'x'), os.read(read, 9).decode()").value(),
            Json({1, "x"}));
}

TEST(BranchTest, CopiesOfItsOutputsLeadToItsOwn) {
  ServerProcess server(surviving());
  server.execute("import os\ncopy = os.dup(1)");
  Branch branch(server);
  EXPECT_EQ(branch.reply()["lost_descriptors"], Json::array());
  const auto frames =
      branch.finish(branch.start("import subprocess\nn = os.write(copy, b'a')\n"
                                 "n = subprocess.run(['printf', 'b'])"));
  EXPECT_EQ(output_text(frames, "stdout"), "ab");
  for (const Json& frame : frames) EXPECT_EQ(frame["session"], branch.name()) << frame;
}

TEST(BranchTest, GoesBackToItsFirstState) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  Branch branch(server);
  branch.execute("x = 2");
  EXPECT_EQ(branch.ask({{"type", "undo"}})["type"], "undo_reply");
  EXPECT_EQ(branch.execute("x")["value"], 1);
  EXPECT_EQ(server.execute("x").value(), 1);
}

// ---- frames ---------------------------------------------------------------------------------

TEST(BranchTest, ItsFramesCarryItsNameAndNoOthersDo) {
  ServerProcess server(surviving());
  Branch branch(server);
  const Json mine = branch.start("import os\nprint('a')\nos.write(1, b'b')\ninput()");
  server.read_until(is("input", branch.name()));
  const Json theirs = server.start("print('c')\ninput()");
  server.read_until(is("input"));
  server.send({{"type", "input_response"}, {"data", "x"}, {"session", branch.name()}});
  for (const Json& frame : branch.finish(mine))
    EXPECT_EQ(branch.name(), frame.value("session", ""));
  server.answer("y");
  for (const Json& frame : server.finish(theirs).frames) EXPECT_FALSE(frame.contains("session"));
}

TEST(BranchTest, RunsAtTheSameTime) {
  ServerProcess server(surviving());
  Branch branch(server);
  const Json mine = server.start("input()");
  server.await_input();
  EXPECT_EQ(branch.execute("1 + 1")["value"], 2);
  EXPECT_EQ(server.status()["state"], "waiting_for_input");
  EXPECT_EQ(branch.ask({{"type", "status"}})["state"], "idle");
  server.answer("x");
  EXPECT_TRUE(server.finish(mine).ok());
}

TEST(BranchTest, IdsAreItsOwn) {
  ServerProcess server(surviving());
  Branch branch(server);
  server.start("input()", {{"id", "same"}});
  server.await_input();
  EXPECT_EQ(branch.execute("1", {{"id", "same"}})["type"], "result");
  EXPECT_EQ(branch.ask({{"type", "interrupt"}, {"execution_id", "same"}})["outcome"],
            "not_running");
}

TEST(BranchTest, IsInterruptedAlone) {
  ServerProcess server(surviving());
  Branch branch(server);
  const Json id = branch.start("print('go')\nwhile True: pass");
  server.read_until(is("output", branch.name()));
  branch.ask({{"type", "interrupt"}});
  EXPECT_EQ(branch.finish(id).back()["reason"], "interrupt");
  EXPECT_EQ(branch.execute("while True: pass", {{"timeout", 0.1}})["reason"], "timeout");
  EXPECT_EQ(branch.execute("2")["value"], 2);
}

TEST(BranchTest, KnowsTheFunctionsOfItsParent) {
  ServerProcess server(surviving());
  request(server, {{"type", "functions"}, {"functions", {{{"name", "f"}}}}});
  Branch branch(server);
  const Json id = branch.start("import host\nhost.f(1)");
  const Json call = server.read_until(is("call", branch.name())).back();
  server.send({{"type", "call_response"},
               {"call_id", call["id"]},
               {"data", 7},
               {"session", branch.name()}});
  EXPECT_EQ(branch.finish(id).back()["value"], 7);
}

TEST(BranchTest, OutputOfAThreadOfTheStateIsNoneOfANewExecutions) {
  ServerProcess server(surviving());
  server.execute(
      "import asyncio\nasync def later():\n    await asyncio.sleep(0.05)\n"
      "    print('late')\nt = asyncio.create_task(later())",
      {{"id", "parent"}});
  Branch branch(server);
  const auto frames = branch.finish(branch.start("await asyncio.sleep(0.2)", {{"id", "mine"}}));
  for (const Json& frame : frames) {
    if (!is("output", branch.name())(frame)) continue;
    EXPECT_EQ(frame["execution_id"], "parent") << frame;
  }
}

TEST(BranchTest, EachHasAHeartbeat) {
  ServerProcess server(surviving({"--heartbeat", "0.05"}));
  Branch branch(server);
  server.read_until(is("heartbeat", branch.name()));
  server.read_until(is("heartbeat"));
}

TEST(BranchTest, AreListed) {
  ServerProcess server(surviving());
  server.execute("1");
  Branch branch(server, nullptr, {{"name", "idea"}});
  branch.execute("1");
  branch.execute("2");
  Branch inner(server, branch.name());
  const Json all = request(server, {{"type", "sessions"}})["sessions"];
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0]["session"], nullptr);
  EXPECT_EQ(all[0]["pid"], first_interpreter(server));
  EXPECT_EQ(all[0]["executions"], 1);
  EXPECT_EQ(all[1]["session"], branch.name());
  EXPECT_EQ(all[1]["name"], "idea");
  EXPECT_EQ(all[1]["parent"], nullptr);
  EXPECT_EQ(all[1]["pid"], branch.pid());
  EXPECT_EQ(all[1]["state"], "idle");
  EXPECT_EQ(all[1]["executions"], 2);
  EXPECT_GT(all[1]["memory"], 0);
  EXPECT_EQ(all[2]["parent"], branch.name());
}

// What a quiet session says stands behind no more than `--output-buffer` of the others' output when
// the client reads slowly. The recording has a frame as soon as it waits for the client.
TEST(BranchTest, FloodsHoldUpAQuietOneByNoMoreThanTheOutputBuffer) {
  constexpr std::size_t kBuffer = 1'000'000;
  constexpr std::size_t kSlack = 1'000'000;  // the pipe, and of each what was under way by then
  const TempDir folder;
  const std::string recording = folder.path("recording");
  const auto await_recorded = [&](const std::function<bool(const std::string&)>& enough) {
    const Clock::time_point deadline = Clock::now() + kPatience;
    while (!enough(read_text(recording))) {
      if (Clock::now() > deadline) return false;
      ::poll(nullptr, 0, 5);
    }
    return true;
  };
  ServerProcess server(
      surviving({"--output-buffer", std::to_string(kBuffer), "--record", recording}));
  Branch asks(server);
  Branch computes(server);
  asks.start("input()");
  server.read_until(is("input", asks.name()));
  computes.start("print('go')\nwhile True: pass");
  server.read_until(is("output", computes.name()));
  std::vector<Branch> loud;
  for (int n = 0; n < 3; ++n) loud.emplace_back(server).start("while True: print('x' * 100)");

  ASSERT_TRUE(await_recorded([](const std::string& text) { return text.size() > kBuffer; }));
  server.send({{"type", "input_response"}, {"data", "x"}, {"session", asks.name()}});
  server.send({{"type", "interrupt"}, {"session", computes.name()}});
  ASSERT_TRUE(await_recorded([](const std::string& text) {
    return text.find(R"("type":"result")") != std::string::npos &&
           text.find(R"("type":"error")") != std::string::npos;
  })) << "they wait for the client to read";
  std::size_t before = 0;
  int left = 2;
  server.read_until([&](const Json& frame) {
    if (frame["type"] == "output") before += frame["data"].get_ref<const std::string&>().size();
    if (is("result", asks.name())(frame) || is("error", computes.name())(frame)) --left;
    return left == 0;
  });
  EXPECT_GT(before, kBuffer / 2);
  EXPECT_LT(before, kBuffer + kSlack);
}

// ---- deaths ---------------------------------------------------------------------------------

TEST(BranchTest, ACrashCostsOneExecutionOfOneSession) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  Branch branch(server);
  branch.execute("x = 2");
  EXPECT_EQ(branch.execute("import os\nos.abort()")["reason"], "crash");
  EXPECT_EQ(branch.execute("x")["value"], 2);
  EXPECT_EQ(server.execute("import os\nos.abort()").terminal["reason"], "crash");
  EXPECT_EQ(branch.execute("x")["value"], 2);
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(BranchTest, ThatIsKilledBeforeItRanAnythingBeginsAgain) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  Branch branch(server);
  ::kill(branch.pid(), SIGKILL);
  const Json restored = server.read_until(is("restored", branch.name())).back();
  EXPECT_EQ(restored["checkpoint_id"], branch.reply()["checkpoint_id"]);
  EXPECT_EQ(branch.execute("x")["value"], 1);
}

TEST(BranchTest, StartsAnewWithoutASnapshot) {
  ServerProcess server(surviving());
  Branch branch(server);
  for (const pid_t child : children_of(server.pid())) {
    if (child != branch.pid() && child != first_interpreter(server)) ::kill(child, SIGKILL);
  }
  ::kill(branch.pid(), SIGKILL);
  const Json restored = server.read_until(is("restored", branch.name())).back();
  EXPECT_EQ(restored["checkpoint_id"], nullptr);
  EXPECT_EQ(branch.execute("print('x')\n5")["value"], 5);
  EXPECT_EQ(server.execute("6").value(), 6);
}

TEST(BranchTest, TheDeathOfOneLeavesTheChildrenOfOthers) {
  ServerProcess server(surviving());
  Branch branch(server);
  const Json mine = branch.start(
      "import subprocess\np = subprocess.Popen(['sleep', '100'])\nprint(p.pid)\ninput()");
  const auto frames = server.read_until(is("input", branch.name()));
  const ProcessWatch child(std::stoi(output_text(frames, "stdout")));
  EXPECT_EQ(server.execute("import os\nos.abort()").terminal["reason"], "crash");
  server.execute("1");
  EXPECT_TRUE(child.lives());
}

// ---- close ----------------------------------------------------------------------------------

TEST(BranchTest, CloseEndsAllOfIt) {
  ServerProcess server(surviving());
  Branch(server).close();
  const auto before = children_of(server.pid());
  Branch branch(server);
  const Json id = branch.start(
      "import subprocess\np = subprocess.Popen(['sleep', '100'])\nprint(p.pid)\n"
      "while True: pass");
  const ProcessWatch child(
      std::stoi(output_text(server.read_until(is("output", branch.name())), "stdout")));
  const ProcessWatch interpreter(branch.pid());
  server.send({{"type", "close"}, {"id", "bye"}, {"session", branch.name()}});
  const auto frames =
      server.read_until([](const Json& frame) { return frame.value("id", Json()) == "bye"; });
  EXPECT_EQ(frame_of(frames, "error")["execution_id"], id);
  EXPECT_EQ(frames.back(),
            (Json{{"type", "close_reply"}, {"id", "bye"}, {"session", branch.name()}}));
  EXPECT_FALSE(child.lives());
  EXPECT_FALSE(interpreter.lives());
  EXPECT_EQ(children_of(server.pid()), before);
  EXPECT_EQ(branch.ask({{"type", "status"}})["code"], "invalid_field");
  EXPECT_EQ(branch.close()["code"], "invalid_field");
  EXPECT_EQ(server.execute("1 + 1").value(), 2);
}

TEST(BranchTest, CloseRunsWhatIsRegisteredForTheEnd) {
  ServerProcess server(surviving());
  server.execute("import atexit");
  Branch branch(server);
  branch.execute("x = atexit.register(print, 'the end')");
  server.send({{"type", "close"}, {"id", "bye"}, {"session", branch.name()}});
  const auto frames = server.read_until("close_reply");
  EXPECT_EQ(frame_of(frames, "output")["data"], "the end\n");
}

TEST(BranchTest, CloseOfOneThatCannotBeInterrupted) {
  ServerProcess server(surviving());
  Branch branch(server);
  branch.start(
      "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
      "print('go')\nwhile True:\n    try:\n        while True: pass\n    except: pass");
  server.read_until(is("output", branch.name()));
  EXPECT_EQ(branch.close()["type"], "close_reply");
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(BranchTest, CloseWhileItStarts) {
  ServerProcess server(surviving());
  for (int n = 1; n <= 20; ++n) {
    const std::string name = "branch-" + std::to_string(n);
    const std::string id = std::to_string(n);
    server.send({{"type", "branch"}, {"id", "b" + id}});
    // As long as there is none of that name the close is refused.
    for (Json reply = Json::object(); reply.value("type", "") != "close_reply";) {
      reply = request(server, {{"type", "close"}, {"session", name}});
    }
  }
  EXPECT_EQ(request(server, {{"type", "sessions"}})["sessions"].size(), 1U);
  EXPECT_EQ(server.execute("1").value(), 1);
}

TEST(BranchTest, ManyAreClosedAtOnceAndNothingIsLeft) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  { Branch(server).close(); }
  const auto before = children_of(server.pid());
  const std::size_t open = descriptors_of(server.pid());
  std::vector<Branch> branches;
  for (int n = 0; n < 63; ++n) branches.emplace_back(server);
  for (Branch& branch : branches) branch.start("import time\ntime.sleep(100)");
  for (Branch& branch : branches)
    server.send({{"type", "close"}, {"id", branch.name()}, {"session", branch.name()}});
  for (std::size_t n = 0; n < branches.size(); ++n) server.read_until("close_reply");
  EXPECT_EQ(children_of(server.pid()), before);
  EXPECT_EQ(descriptors_of(server.pid()), open);
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST(BranchTest, ThatATerminationEndsSaysSo) {
  ServerProcess server(surviving());
  Branch branch(server);
  ::kill(branch.pid(), SIGTERM);
  const Json told = server.read_until("close_reply").back();
  EXPECT_EQ(told, (Json{{"type", "close_reply"}, {"session", branch.name()}}));
  EXPECT_EQ(server.execute("1").value(), 1);
}

// ---- the end --------------------------------------------------------------------------------

TEST(BranchTest, AShutdownEndsAll) {
  ServerProcess server(surviving());
  Branch branch(server);
  const ProcessWatch interpreter(branch.pid());
  const Json id = branch.start("input()");
  server.read_until(is("input", branch.name()));
  server.send({{"type", "shutdown"}, {"id", "bye"}});
  const auto frames = server.read_to_end();
  EXPECT_EQ(frame_of(frames, "error")["session"], branch.name());
  EXPECT_EQ(frames.back()["type"], "shutdown_reply");
  EXPECT_EQ(server.wait_exit(), 0);
  EXPECT_TRUE(interpreter.ends(kPatience));
}

TEST(BranchTest, TheEndOfInputLetsAllRunOut) {
  ServerProcess server(surviving());
  Branch branch(server);
  branch.start("import time\ntime.sleep(0.3)\n'mine'");
  server.start("'first'");
  server.close_stdin();
  std::set<Json> values;
  for (const Json& frame : server.read_to_end()) {
    if (frame["type"] == "result") values.insert(frame["value"]);
  }
  EXPECT_EQ(values, (std::set<Json>{"first", "mine"}));
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(BranchTest, AFailureInOneIsTheServersExitStatus) {
  ServerProcess server(surviving({"--fail-on-error"}));
  Branch branch(server);
  branch.execute("1 / 0");
  branch.close();
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 1);
}

TEST(BranchTest, AllEndWithTheServer) {
  std::vector<ProcessWatch> processes;
  {
    ServerProcess server(surviving());
    Branch branch(server);
    branch.execute("1");
    for (const pid_t child : children_of(server.pid())) processes.emplace_back(child);
    server.signal(SIGKILL);
  }
  for (const ProcessWatch& process : processes) EXPECT_TRUE(process.ends(kPatience));
}

TEST(BranchTest, AllEndWithTheClient) {
  ServerProcess server(surviving());
  Branch branch(server);
  const Json id = branch.start("import time\nprint('go')\ntime.sleep(100)");
  server.read_until(is("output", branch.name()));
  const ProcessWatch interpreter(branch.pid());
  server.close_stdout();
  server.close_stdin();
  server.wait_exit();
  EXPECT_TRUE(interpreter.ends(kPatience));
}

// ---- what is refused ------------------------------------------------------------------------

TEST(BranchTest, NeedsSurvive) {
  ServerProcess server;
  for (const char* type : {"branch", "sessions", "close"}) {
    EXPECT_EQ(request(server, {{"type", type}})["code"], "unknown_type");
    EXPECT_FALSE(server.ready()["capabilities"].contains(type));
  }
  EXPECT_EQ(request(server, {{"type", "status"}, {"session", "branch-1"}})["code"],
            "invalid_field");
  for (const auto& [type, fields] : server.ready()["capabilities"].items())
    EXPECT_EQ(std::count(fields.begin(), fields.end(), "session"), 0) << type;
}

TEST(BranchTest, EveryRequestTakesASession) {
  ServerProcess server(surviving());
  for (const auto& [type, fields] : server.ready()["capabilities"].items())
    EXPECT_EQ(std::count(fields.begin(), fields.end(), "session"), 1) << type;
  const Json unknown = request(server, {{"type", "execute"}, {"code", "1"}, {"session", "x"}});
  EXPECT_EQ(unknown["code"], "invalid_field");
  EXPECT_EQ(unknown["message"], "execute: /session: there is no \"x\"");
  EXPECT_EQ(request(server, {{"type", "status"}, {"session", nullptr}})["type"], "status_reply");
  EXPECT_EQ(request(server, {{"type", "status"}, {"session", 1}})["code"], "invalid_field");
}

TEST(BranchTest, BadRequests) {
  ServerProcess server(surviving());
  EXPECT_EQ(request(server, {{"type", "branch"}, {"checkpoint_id", "x"}})["code"], "invalid_field");
  EXPECT_EQ(request(server, {{"type", "branch"}, {"name", 1}})["code"], "invalid_field");
  EXPECT_EQ(request(server, {{"type", "branch"}, {"session", "x"}})["code"], "invalid_field");
  EXPECT_EQ(request(server, {{"type", "close"}})["code"], "missing_field");
  EXPECT_EQ(request(server, {{"type", "close"}, {"session", "x"}})["code"], "invalid_field");
  Branch branch(server);
  const Json refused = branch.ask({{"type", "execute"}, {"code", 1}});
  EXPECT_EQ(refused["code"], "invalid_field");
  EXPECT_EQ(refused["session"], branch.name());
}

TEST(BranchTest, NoMoreThanToldAreOpen) {
  ServerProcess server(surviving({"--sessions", "3"}));
  Branch first(server);
  Branch second(server);
  EXPECT_EQ(request(server, {{"type", "branch"}})["code"], "too_many_sessions");
  first.close();
  Branch third(server);
  EXPECT_EQ(third.execute("1")["value"], 1);
}

TEST(BranchTest, AsSoonAsOneIsToldAsClosedAnotherCanBeginInItsPlace) {
  ServerProcess server(surviving({"--sessions", "2"}));
  for (int times = 0; times < 100; ++times) {
    const Json begun = request(server, {{"type", "branch"}});
    ASSERT_EQ(begun["type"], "branch_reply") << "after " << times << ": " << begun;
    const Json ended = request(server, {{"type", "close"}, {"session", begun["session"]}});
    ASSERT_EQ(ended["type"], "close_reply") << ended;
  }
}

TEST(BranchTest, WithoutRoomItIsRefusedAndNothingElseHappens) {
  ServerProcess server(surviving());
  server.execute("x = 1");
  Branch(server).close();
  rlimit limit = {};
  ::prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &limit);
  const rlimit full = {lowest_free_descriptor_of(server.pid()) + 8, limit.rlim_max};
  ::prlimit(server.pid(), RLIMIT_NOFILE, &full, nullptr);
  const Json refused = request(server, {{"type", "branch"}});
  EXPECT_EQ(refused["code"], "internal") << refused;
  EXPECT_NE(refused["message"].get<std::string>().find(": Too many open files"), std::string::npos)
      << refused;
  ::prlimit(server.pid(), RLIMIT_NOFILE, &limit, nullptr);
  Branch branch(server);
  EXPECT_EQ(branch.execute("x")["value"], 1);
}

}  // namespace
}  // namespace replwire_tests
