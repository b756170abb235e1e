#include "server/session/turns.h"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>

#include "session/executions.h"
#include "support/descriptors.h"

namespace replwire::server {
namespace {

using namespace replwire_tests;  // NOLINT(google-build-using-namespace)

constexpr pid_t kInterpreter = 1 << 30;  // that no process has

// An interpreter that does nothing but take commands.
class NoInterpreter final : public InterpreterLink {
 public:
  explicit NoInterpreter(runtime::InterpreterControl& control) : InterpreterLink(control) {
    control.set_process(kInterpreter);
  }

  void post(runtime::Command command) override { posted.push_back(std::move(command)); }
  void answer(std::uint64_t /*number*/, runtime::Answer /*answer*/) override {}
  void deliver() override {}
  void ask(runtime::Inquiry /*inquiry*/) override {}
  bool stack_can_be_asked_for() const override { return false; }
  std::vector<pid_t> earlier_children() const override { return {}; }
  void kill() override { ++kills; }
  void wake(std::uint64_t snapshot) override { woken.push_back(snapshot); }
  void drop(std::uint64_t /*snapshot*/) override { dropping(); }
  pid_t process_of(std::uint64_t /*snapshot*/) const override { return ::getpid(); }

  std::vector<runtime::Command> posted;
  std::vector<std::uint64_t> woken;
  int kills = 0;
  std::function<void()> dropping = [] {};
};

Options options(bool survive) {
  Options options;
  options.survive = survive;
  return options;
}

class TurnsFixture : public ::testing::Test {
 protected:
  explicit TurnsFixture(bool survive) : survive_(survive) {}
  ~TurnsFixture() override { turns_.finish(); }

  ReplyOnce reply(std::string_view type, const char* id) { return {sent_, type, id, 1}; }
  void execute(const char* id, protocol::Execute request = {}) {
    request.code = id;
    turns_.add(std::move(request), reply("execute", id));
    turns_.start_next();
  }
  // What the interpreter was told since the last look: an execution's code, or what else it is.
  std::vector<std::string> told() {
    std::vector<std::string> told;
    for (const auto& command : std::exchange(link_.posted, {})) {
      if (const auto* run = std::get_if<runtime::Run>(&command)) {
        newest_ = run->execution;
        told.push_back(run->code);
      } else if (const auto* checkpoint = std::get_if<runtime::Checkpoint>(&command)) {
        snapshot_ = checkpoint->number;
      } else {
        told.emplace_back(std::holds_alternative<runtime::Reset>(command) ? "reset" : "other");
      }
    }
    return told;
  }
  void done(runtime::Outcome outcome = runtime::Completed{}) {
    runtime::Done done = {std::move(outcome), {}};
    turns_.on(done);
    if (survive_) turns_.on(runtime::Checkpointed{snapshot_, ""});
    turns_.start_next();
  }
  std::vector<Json> ends() {
    std::vector<Json> ends;
    for (const Json& frame : sent_.take()) ends.push_back({frame["type"], frame["execution_id"]});
    return ends;
  }

  const bool survive_;
  asio::io_context io_;
  Pipe client_;
  CapturePipes pipes_;
  Capture capture_{io_, pipes_};
  FrameWriter writer_{
      io_, Descriptor(::dup(client_.write_end.get())), 1000, {[] {}, [] {}, [] {}, [](int) {}}};
  Outputs outputs_{io_, writer_, capture_, 100'000};
  runtime::InterpreterControl control_;
  NoInterpreter link_{control_};
  SentFrames sent_;
  Log log_{"", -1};
  InterpreterProcesses processes_{link_, [](pid_t /*process*/) { return false; }, [] {}};
  ProcessEnd process_end_{processes_, outputs_, sent_, writer_, log_, -1};
  Ending ending_{sent_, std::nullopt};
  InputDesk inputs_{sent_, [](std::uint64_t /*number*/, const runtime::Answer& /*answer*/) {},
                    1000};
  FunctionDesk functions_;
  SaveDesk saves_;
  const Options options_ = options(survive_);
  Turns turns_{{link_, outputs_, sent_, log_, processes_, process_end_, ending_, inputs_,
                functions_, saves_, false},
               options_,
               {[](const BranchStart& /*start*/) {}, [](ReplyOnce /*reply*/, auto /*listed*/) {}}};

  runtime::ExecutionRef newest_;
  std::uint64_t snapshot_ = 0;
};
// In one process, and with --survive.
class TurnsTest : public TurnsFixture, public ::testing::WithParamInterface<bool> {
 protected:
  TurnsTest() : TurnsFixture(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Modes, TurnsTest, ::testing::Bool(), [](const auto& mode) {
  return std::string(mode.param ? "Survive" : "Local");
});
class LocalTurnsTest : public TurnsFixture {
 protected:
  LocalTurnsTest() : TurnsFixture(false) {}
};
class SurvivingTurnsTest : public TurnsFixture {
 protected:
  SurvivingTurnsTest() : TurnsFixture(true) {}
};

using Told = std::vector<std::string>;

TEST_P(TurnsTest, OneAfterTheOther) {
  execute("1");
  execute("2");
  EXPECT_EQ(told(), Told{"1"});
  EXPECT_TRUE(turns_.busy());
  done();
  EXPECT_EQ(told(), Told{"2"});
  done();
  EXPECT_TRUE(turns_.idle());
  EXPECT_EQ(ends(), (std::vector<Json>{{"result", "1"}, {"result", "2"}}));
  EXPECT_EQ(turns_.executions(), 2u);
}

TEST_P(TurnsTest, OtherRequestsTakeTheirTurnAmongThem) {
  execute("1");
  turns_.add(protocol::Reset{}, reply("reset", "2"));
  execute("3");
  EXPECT_EQ(told(), Told{"1"});
  done();
  EXPECT_EQ(told(), Told{"reset"});
  EXPECT_EQ(turns_.state(), protocol::State::kBusy);
}

TEST_P(TurnsTest, WhatWaitsIsTakenOutByAnInterrupt) {
  execute("1");
  execute("2");
  protocol::Interrupt request = {};
  request.execution_id = protocol::Id("2");
  turns_.interrupt(request, reply("interrupt", "3"));
  const std::vector<Json> frames = sent_.take();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0]["outcome"], "dequeued");
  EXPECT_EQ(frames[1]["reason"], "cancelled");
  EXPECT_EQ(frames[1]["execution_id"], "2");
}

TEST_P(TurnsTest, AnIdThatIsInUseIsRefused) {
  execute("1");
  execute("1");
  EXPECT_EQ(sent_.only()["code"], "duplicate_id");
}

TEST_F(LocalTurnsTest, ATransactionNeedsSnapshots) {
  protocol::Execute request;
  request.transaction = protocol::Transaction::kRollbackOnFailure;
  execute("1", request);
  EXPECT_EQ(sent_.only()["code"], "invalid_field");
}

TEST_P(TurnsTest, AfterAShutdownWhatWaitsIsCancelled) {
  execute("1");
  execute("2");
  ending_.shut_down();
  turns_.shut_down(Clock::now());
  EXPECT_EQ(ends(), (std::vector<Json>{{"error", "2"}}));
  turns_.finish();
  EXPECT_EQ(ends(), (std::vector<Json>{{"error", "1"}}));
}

TEST_P(TurnsTest, AtItsDeadlineCodeIsInterruptedAndThenItIsStuck) {
  protocol::Execute request;
  request.timeout = 1.0;
  request.grace = 1.0;
  execute("1", request);
  const auto start = Clock::now();
  EXPECT_GT(*turns_.due(), start);
  EXPECT_FALSE(turns_.act(start + 1s));
  EXPECT_FALSE(turns_.act(start + 2s));
  EXPECT_TRUE(turns_.act(start + 3s));
  told();
  turns_.stuck(newest_->serial, "no stack");
  if (survive_) {
    EXPECT_EQ(link_.kills, 1);
    EXPECT_TRUE(turns_.reviving());
  } else {
    EXPECT_EQ(sent_.only()["type"], "stuck");
  }
}

TEST_P(TurnsTest, TheStackOfOneThatHasEndedMeanwhileMeansNothing) {
  execute("1");
  told();
  const auto ended = newest_->serial;
  done();
  execute("2");
  sent_.take();
  turns_.stuck(ended, "no stack");
  EXPECT_TRUE(sent_.take().empty());
  EXPECT_EQ(link_.kills, 0);
}

TEST_F(SurvivingTurnsTest, ADeathIsTheEndOfTheExecutionAndTheNextRuns) {
  turns_.open();
  told();
  turns_.on(runtime::Checkpointed{snapshot_, ""});
  execute("1");
  execute("2");
  EXPECT_EQ(told(), Told{"1"});
  EXPECT_TRUE(turns_.interpreter_died({7, SIGSEGV, "", false, true}, Clock::now()));
  EXPECT_EQ(link_.woken.size(), 1u);
  turns_.on(runtime::Restored{});
  const std::vector<Json> frames = sent_.take();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0]["type"], "restored");
  EXPECT_EQ(frames[1]["reason"], "crash");
  EXPECT_EQ(frames[1]["execution_id"], "1");
  turns_.start_next();
  EXPECT_EQ(told(), Told{"2"});
}

TEST_F(SurvivingTurnsTest, AResultWaitsForItsSnapshot) {
  execute("1");
  told();
  runtime::Done ended = {runtime::Completed{}, {}};
  turns_.on(ended);
  EXPECT_TRUE(sent_.take().empty());
  turns_.on(runtime::Checkpointed{snapshot_, ""});
  EXPECT_EQ(ends(), (std::vector<Json>{{"result", "1"}}));
}

// The end of a process is work for the system, which nobody is to wait for.
TEST_F(SurvivingTurnsTest, AResultIsToldBeforeASnapshotIsGivenUp) {
  std::vector<Json> told_before;
  link_.dropping = [&] { told_before = ends(); };
  for (const char* id : {"1", "2", "3", "4"}) {
    execute(id);
    told();
    EXPECT_TRUE(told_before.empty());
    done();
  }
  EXPECT_EQ(told_before.size(), 4);
}

}  // namespace
}  // namespace replwire::server
