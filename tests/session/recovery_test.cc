#include "server/session/recovery/recovery.h"

#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "session/executions.h"

namespace replwire::server {
namespace {

using namespace replwire_tests;  // NOLINT(google-build-using-namespace)
using protocol::RestoredCause;
using protocol::Transaction;
using State = Recovery::State;
using Did = std::vector<std::string>;

constexpr pid_t kPid = 1000;

class RecoveryTest : public ::testing::Test, protected SnapshotProcesses {
 protected:
  ~RecoveryTest() override {
    sent_.end();
    recovery_.clear();
  }

  Did did() { return std::exchange(did_, {}); }
  ReplyOnce reply(std::string_view type) { return {sent_, type, "r", 4}; }

  // A snapshot that the server takes, behind an execution that has ended.
  Recovery::Number snapshot() {
    recovery_.offer();
    return make();
  }
  Recovery::Number make() {
    living_.insert(newest_);
    recovery_.drop(recovery_.taken({newest_, ""}).outdated);
    return newest_;
  }
  Recovery::Number run_and_snapshot() {
    recovery_.offer_behind(*execution(++count_));
    recovery_.end_execution(*execution(static_cast<std::uint64_t>(count_)), false);
    return make();
  }
  void die(Time now = at(0), bool running = false, int signal = SIGSEGV) {
    recovery_.died({7, signal, "", false, true}, running, now);
  }
  Recovery::Revival finish(const runtime::ExecutionRef& running = nullptr) {
    return recovery_.finish(running, 77, told_);
  }
  void restore(Recovery::Number number) {
    protocol::Restore request = {{}, checkpoint_id(number)};
    recovery_.begin(request, reply("restore"));
  }
  void undo(std::optional<std::int64_t> count) {
    protocol::Undo request = {{}, count};
    recovery_.begin(request, reply("undo"));
  }
  void checkpoint() {
    protocol::Checkpoint request = {{}, "mine"};
    recovery_.begin(request, reply("checkpoint"));
  }
  static ExecutionQueue::Request transaction(Transaction kind = Transaction::kRollbackAlways) {
    protocol::Execute request;
    request.transaction = kind;
    return request;
  }

  // An execution has ended and been told. Gives the snapshot that is to have its effects.
  Recovery::Number end_execution(Recovery& recovery) {
    const auto behind = recovery.offer_behind(*execution(1));
    Recovery::Ended ended = runtime::Done{runtime::Completed{}, milliseconds(3)};
    EXPECT_FALSE(recovery.hold(behind, ended, "\"1\""));
    EXPECT_TRUE(sent_.take().empty());
    return *behind;
  }

  std::set<Recovery::Number> living_;
  runtime::Restored told_;
  bool wanted_ = true;
  SentFrames sent_;
  Log log_{"", -1};
  bool stands_still_ = false;
  bool urgent_ = false;  // the snapshot that was asked for last
  Recovery recovery_{*this, sent_, log_, {3, 1 << 20, false, false}, [this] { return wanted_; }};
  Recovery early_{*this, sent_, log_, {3, 1 << 20, true, false}, [] { return true; }};
  Recovery fast_{*this, sent_, log_, {3, 1 << 20, true, true}, [] { return true; }};

 private:
  void take(std::uint64_t number, std::optional<std::size_t> limit, bool urgent) override {
    urgent_ = urgent;
    newest_ = number;
    did_.push_back((limit ? "offer " : "take ") + std::to_string(number));
  }
  void drop(std::uint64_t number) override {
    living_.erase(number);
    did_.push_back("drop " + std::to_string(number));
  }
  void wake(std::uint64_t number) override { did_.push_back("wake " + std::to_string(number)); }
  void kill_interpreter() override { did_.emplace_back("kill"); }
  pid_t process_of(std::uint64_t number) const override {
    return number == 0 || living_.contains(number) ? kPid + static_cast<pid_t>(number) : 0;
  }
  std::int64_t memory_of(std::uint64_t number) const override {
    return static_cast<std::int64_t>(number) * 100;
  }
  bool stands_still() override { return stands_still_; }

  Did did_;
  Recovery::Number newest_ = 0;
  std::int64_t count_ = 0;
};

// ---- snapshots ------------------------------------------------------------------------------

TEST_F(RecoveryTest, OffersASnapshotWithinTheLimit) {
  recovery_.offer();
  EXPECT_EQ(did(), Did{"offer 1"});
  EXPECT_EQ(recovery_.snapshots().newest(), std::nullopt);
  make();
  EXPECT_EQ(recovery_.snapshots().newest(), 1U);
}

TEST_F(RecoveryTest, OffersNoneThatNothingCouldNeed) {
  wanted_ = false;
  recovery_.offer();
  recovery_.offer_behind(*execution(1));
  EXPECT_TRUE(did().empty());
}

TEST_F(RecoveryTest, KeepsSoManyOfItsOwn) {
  snapshot();
  for (int i = 0; i < 3; ++i) run_and_snapshot();
  const Did all = did();
  EXPECT_EQ(all.back(), "drop 1");
  EXPECT_FALSE(living_.contains(1));
}

TEST_F(RecoveryTest, OneThatTheSystemCouldNotMakeIsNone) {
  recovery_.offer();
  did();
  EXPECT_FALSE(recovery_.taken({1, "EAGAIN"}).in_vain);
  EXPECT_EQ(did(), Did{"drop 1"});
  EXPECT_EQ(recovery_.snapshots().newest(), std::nullopt);
}

TEST_F(RecoveryTest, CountsWhatThereIs) {
  snapshot();
  run_and_snapshot();
  EXPECT_EQ(recovery_.facts().count, 2);
  EXPECT_EQ(recovery_.facts().memory, 300);
}

// ---- transactions ---------------------------------------------------------------------------

TEST_F(RecoveryTest, ATransactionWaitsForASnapshotOfTheStateAsItIs) {
  EXPECT_TRUE(recovery_.holds_back(transaction()));
  EXPECT_EQ(did(), Did{"take 1"});
  EXPECT_TRUE(recovery_.holds_back(transaction()));
  EXPECT_TRUE(did().empty()) << "it is being made";
  make();
  EXPECT_FALSE(recovery_.holds_back(transaction()));
}

TEST_F(RecoveryTest, ATransactionThatFindsAFreshOneGoesOn) {
  snapshot();
  did();
  EXPECT_FALSE(recovery_.holds_back(transaction()));
  EXPECT_TRUE(did().empty());
}

TEST_F(RecoveryTest, AStaleOneWillNotDo) {
  snapshot();
  recovery_.step();
  EXPECT_TRUE(recovery_.waits(transaction()));
}

TEST_F(RecoveryTest, OtherRequestsWaitForNone) {
  EXPECT_FALSE(recovery_.holds_back(transaction(Transaction::kCommit)));
  EXPECT_FALSE(recovery_.holds_back(protocol::Execute{}));
  EXPECT_FALSE(recovery_.holds_back(protocol::Reset{}));
  EXPECT_TRUE(did().empty());
}

TEST_F(RecoveryTest, ATransactionMayWaitInVain) {
  recovery_.holds_back(transaction());
  EXPECT_TRUE(recovery_.taken({1, "EAGAIN"}).in_vain);
  EXPECT_TRUE(recovery_.waits(transaction()));
}

TEST_F(RecoveryTest, AnOfferThatIsDeclinedIsFollowedByADemand) {
  recovery_.offer();
  EXPECT_TRUE(recovery_.holds_back(transaction()));
  EXPECT_FALSE(recovery_.taken({1, ""}).in_vain) << "the interpreter was too large";
  did();
  EXPECT_TRUE(recovery_.holds_back(transaction()));
  EXPECT_EQ(did(), Did{"take 2"});
}

// ---- requests -------------------------------------------------------------------------------

TEST_F(RecoveryTest, ACheckpointIsBusyUntilItIsMade) {
  checkpoint();
  EXPECT_EQ(did(), Did{"take 1"});
  EXPECT_TRUE(recovery_.busy());
  EXPECT_FALSE(recovery_.reviving());
  make();
  EXPECT_FALSE(recovery_.busy());
  EXPECT_EQ(sent_.only(),
            (Json{{"type", "checkpoint_reply"}, {"id", "r"}, {"checkpoint_id", "checkpoint-1"}}));
}

TEST_F(RecoveryTest, AnotherSnapshotIsNotTheCheckpoint) {
  recovery_.offer();
  checkpoint();
  living_.insert(1);
  recovery_.taken({1, ""});
  EXPECT_TRUE(recovery_.busy());
  EXPECT_TRUE(sent_.take().empty());
}

TEST_F(RecoveryTest, ACheckpointThatCannotBeMadeIsRefused) {
  checkpoint();
  recovery_.taken({1, ""});
  const Json error = sent_.only();
  EXPECT_EQ(error["message"], "checkpoint: the system could not make one");
  EXPECT_EQ(error["line"], 4);
  EXPECT_FALSE(recovery_.busy());
}

TEST_F(RecoveryTest, ACheckpointIsRefusedWhenTheInterpreterDies) {
  checkpoint();
  die();
  const Json error = sent_.only();
  EXPECT_EQ(error["message"], "checkpoint: the interpreter died");
  EXPECT_EQ(error["line"], 4);
}

TEST_F(RecoveryTest, ListsThoseThatLive) {
  snapshot();
  run_and_snapshot();
  checkpoint();
  make();
  living_.erase(1);
  sent_.take();
  const Recovery::Listed listed = recovery_.list();
  const std::vector<protocol::CheckpointEntry>& list = listed.reply.checkpoints;
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].checkpoint_id, "checkpoint-2");
  EXPECT_EQ(list[0].automatic, true);
  EXPECT_EQ(list[0].execution_id->text, "\"1\"");
  EXPECT_EQ(list[1].name, "mine");
  EXPECT_EQ(list[1].automatic, false);
  EXPECT_EQ(listed.processes, (std::vector<pid_t>{kPid + 2, kPid + 3}));
}

TEST_F(RecoveryTest, WhatIsNotThereCannotBeRestored) {
  snapshot();
  living_.erase(1);
  restore(1);
  const Json error = sent_.only();
  EXPECT_EQ(error["message"], "restore: /checkpoint_id: there is no \"checkpoint-1\"");
  EXPECT_EQ(error["line"], 4);
  EXPECT_EQ(recovery_.state(), State::kSteady);
}

TEST_F(RecoveryTest, UndoGoesAsFarAsSnapshotsDo) {
  snapshot();
  run_and_snapshot();
  undo(2);
  EXPECT_EQ(sent_.only()["message"],
            "undo: /count: there is no snapshot from before the last 2 executions; they go back 1");
  undo(std::nullopt);
  EXPECT_EQ(recovery_.state(), State::kCondemned);
}

// ---- from one interpreter to the next -------------------------------------------------------

TEST_F(RecoveryTest, ARestoreKillsWakesAndAnswers) {
  const auto number = snapshot();
  run_and_snapshot();
  did();
  restore(number);
  EXPECT_EQ(did(), Did{"kill"});
  EXPECT_EQ(recovery_.state(), State::kCondemned);
  die(at(0), false, SIGKILL);
  EXPECT_EQ(recovery_.state(), State::kChosen);
  EXPECT_TRUE(did().empty());
  EXPECT_TRUE(recovery_.wake(at(0)));
  EXPECT_EQ(recovery_.state(), State::kWaking);
  EXPECT_EQ(did(), Did{"wake 1"});
  EXPECT_TRUE(sent_.take().empty()) << "it has not come to itself";
  finish();
  const std::vector<Json> frames = sent_.take();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0], (Json{{"type", "restored"},
                             {"execution_id", nullptr},
                             {"checkpoint_id", "checkpoint-1"},
                             {"last_execution_id", nullptr},
                             {"undone", {"1"}},
                             {"cause", "restore"},
                             {"lost_threads", Json::array()},
                             {"lost_devices", Json::array()},
                             {"lost_descriptors", Json::array()},
                             {"pid", 77}}));
  EXPECT_EQ(frames[1],
            (Json{{"type", "restore_reply"}, {"id", "r"}, {"checkpoint_id", "checkpoint-1"}}));
  EXPECT_EQ(recovery_.state(), State::kSteady);
  EXPECT_FALSE(recovery_.busy());
}

TEST_F(RecoveryTest, AnUndoIsAnsweredAsSuch) {
  snapshot();
  run_and_snapshot();
  undo(1);
  die();
  recovery_.wake(at(0));
  finish();
  EXPECT_EQ(sent_.take().back()["type"], "undo_reply");
}

TEST_F(RecoveryTest, WhatTheCondemnedStillMakesIsDropped) {
  const auto number = snapshot();
  recovery_.offer();
  did();
  restore(number);
  living_.insert(2);
  EXPECT_FALSE(recovery_.taken({2, ""}).made);
  EXPECT_EQ(did(), (Did{"kill", "drop 2"}));
  EXPECT_EQ(recovery_.snapshots().newest(), number);
}

TEST_F(RecoveryTest, ACrashAtRestGoesToTheNewest) {
  snapshot();
  run_and_snapshot();
  did();
  die();
  EXPECT_EQ(recovery_.cause(), RestoredCause::kCrash);
  recovery_.wake(at(0));
  EXPECT_EQ(did(), Did{"wake 2"});
  const Recovery::Revival revival = finish();
  EXPECT_TRUE(std::holds_alternative<std::monostate>(revival.then));
  EXPECT_EQ(sent_.only()["signal"], "SIGSEGV");
}

TEST_F(RecoveryTest, ACrashOfAnExecutionIsItsEnd) {
  snapshot();
  die(at(0), true);
  recovery_.wake(at(0));
  const Recovery::Revival revival = finish(execution(5));
  const auto& crash = std::get<Recovery::Crash>(revival.then);
  EXPECT_EQ(crash.reason, protocol::ErrorReason::kCrash);
  EXPECT_EQ(crash.report.type, "InterpreterDied");
  EXPECT_EQ(revival.signal, "SIGSEGV");
  EXPECT_EQ(sent_.only()["execution_id"], "5");
}

TEST_F(RecoveryTest, CodeThatLeavesHasTheLastWord) {
  snapshot();
  recovery_.leaving("os._exit here");
  die(at(0), true);
  recovery_.wake(at(0));
  EXPECT_EQ(std::get<Recovery::Crash>(finish().then).report.traceback, "os._exit here");
  die(at(5000), true);
  recovery_.wake(at(5000));
  EXPECT_EQ(std::get<Recovery::Crash>(finish().then).report.traceback, "") << "of its own death";
}

TEST_F(RecoveryTest, ARollbackKeepsWhatTheExecutionEndedWith) {
  const auto number = snapshot();
  runtime::Done done = {runtime::Completed{"42", {}, {}, {}}, milliseconds(3)};
  recovery_.go_back({RestoredCause::kRollback, number, std::move(done)});
  EXPECT_TRUE(recovery_.state() == State::kCondemned);
  die(at(0), true, SIGKILL);
  recovery_.wake(at(0));
  const Recovery::Revival revival = finish();
  const auto& kept = std::get<runtime::Done>(revival.then);
  EXPECT_EQ(std::get<runtime::Completed>(kept.outcome).value.repr, "42");
  EXPECT_EQ(revival.signal, std::nullopt) << "nothing but ourselves ended it";
  EXPECT_EQ(sent_.only()["cause"], "rollback");
}

TEST_F(RecoveryTest, WhenTheOneWantedIsDeadTheNewestMustDo) {
  const auto wanted = snapshot();
  const auto newest = run_and_snapshot();
  restore(wanted);
  living_.erase(wanted);
  did();
  die();
  recovery_.wake(at(0));
  EXPECT_EQ(did().back(), "wake " + std::to_string(newest));
  finish();
  const std::vector<Json> frames = sent_.take();
  EXPECT_EQ(frames[0]["checkpoint_id"], "checkpoint-2");
  EXPECT_EQ(frames[1]["code"], "invalid_field");
  EXPECT_EQ(frames[1]["line"], 4);
}

TEST_F(RecoveryTest, WithoutASnapshotPythonIsStartedAnew) {
  die();
  recovery_.wake(at(0));
  EXPECT_EQ(did(), Did{"wake 0"});
  EXPECT_EQ(recovery_.due(), std::nullopt) << "Python may take its time to start";
  finish();
  EXPECT_EQ(sent_.only()["checkpoint_id"], nullptr);
  EXPECT_EQ(did(), Did{"offer 1"}) << "the new state has no snapshot yet";
}

TEST_F(RecoveryTest, ARestoredStateHasItsSnapshotAlready) {
  snapshot();
  die();
  recovery_.wake(at(0));
  did();
  finish();
  EXPECT_TRUE(did().empty());
}

TEST_F(RecoveryTest, TheFutureThatHasNotHappenedIsDropped) {
  const auto number = snapshot();
  run_and_snapshot();
  run_and_snapshot();
  restore(number);
  die();
  recovery_.wake(at(0));
  did();
  finish();
  EXPECT_EQ(did(), (Did{"drop 2", "drop 3"}));
}

TEST_F(RecoveryTest, OneThatDiesAsItWakesIsTriedAgainLater) {
  snapshot();
  die(at(0));
  recovery_.wake(at(0));
  die(at(1500));
  EXPECT_EQ(recovery_.state(), State::kChosen);
  recovery_.wake(at(1500));
  EXPECT_EQ(did().back(), "wake 1");
}

TEST_F(RecoveryTest, OneThatDiesAgainAtOnceIsNotTrusted) {
  snapshot();
  die(at(0));
  recovery_.wake(at(0));
  die(at(300));
  recovery_.wake(at(300));
  EXPECT_EQ(did().back(), "wake 0");
}

TEST_F(RecoveryTest, OneThatIsKilledFromOutsideIsTrustedForLonger) {
  snapshot();
  for (int death = 1; death <= 10; ++death) {
    die(at(death), false, SIGKILL);
    recovery_.wake(at(death));
    EXPECT_EQ(did().back(), death < 10 ? "wake 1" : "wake 0") << death;
  }
}

TEST_F(RecoveryTest, PythonThatIsKilledFromOutsideIsNotGivenUp) {
  for (int death = 0; death < 8; ++death) {
    die(at(death), false, SIGKILL);
    EXPECT_TRUE(recovery_.wake(at(death)));
    finish();
  }
}

TEST_F(RecoveryTest, PythonThatHasLivedIsNotGivenUp) {
  for (int death = 0; death < 8; ++death) {
    die(at(1s * 2 * death));
    EXPECT_TRUE(recovery_.wake(at(1s * 2 * death)));
    finish();
  }
}

TEST_F(RecoveryTest, ACrashOfCodeIsNoFaultOfTheSnapshots) {
  snapshot();
  for (int i = 0; i < 5; ++i) {
    die(at(i), true);
    recovery_.wake(at(i));
    EXPECT_EQ(did().back(), "wake 1");
    finish();
  }
}

TEST_F(RecoveryTest, ADeathThatWasAskedForIsNoFaultOfTheSnapshots) {
  const auto number = snapshot();
  for (int i = 0; i < 5; ++i) {
    restore(number);
    die(at(i), false, SIGKILL);
    recovery_.wake(at(i));
    EXPECT_EQ(did().back(), "wake 1");
    finish();
  }
}

TEST_F(RecoveryTest, TheReplyOutlivesAnyNumberOfDeaths) {
  const auto number = snapshot();
  restore(number);
  die(at(0), false, SIGKILL);
  recovery_.wake(at(0));
  die(at(5000));
  recovery_.wake(at(5000));
  EXPECT_TRUE(sent_.take().empty());
  finish();
  const std::vector<Json> frames = sent_.take();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0]["cause"], "restore");
  EXPECT_EQ(frames[1]["type"], "restore_reply");
}

TEST_F(RecoveryTest, OneThatDoesNotWakeIsKilledAndNotTrusted) {
  snapshot();
  die(at(0));
  recovery_.wake(at(0));
  EXPECT_EQ(recovery_.due(), at(10s));
  did();
  recovery_.act(at(9999));
  EXPECT_TRUE(did().empty());
  recovery_.act(at(10000));
  EXPECT_EQ(did(), Did{"kill"});
  EXPECT_EQ(recovery_.due(), std::nullopt);
  EXPECT_EQ(recovery_.state(), State::kWaking);
  die(at(10001), false, SIGKILL);
  recovery_.wake(at(10001));
  EXPECT_EQ(did(), Did{"wake 0"});
}

TEST_F(RecoveryTest, OneThatWokeInTimeIsLeftAlone) {
  snapshot();
  die(at(0));
  recovery_.wake(at(0));
  finish();
  EXPECT_EQ(recovery_.due(), std::nullopt);
  did();
  recovery_.act(at(20000));
  EXPECT_TRUE(did().empty());
}

TEST_F(RecoveryTest, PythonThatDiesEachTimeIsGivenUp) {
  for (int start = 0; start < 3; ++start) {
    die(at(start));
    EXPECT_TRUE(recovery_.wake(at(start)));
    finish();
  }
  die(at(3));
  EXPECT_FALSE(recovery_.wake(at(3)));
}

TEST_F(RecoveryTest, AnExecutionThatEndsStartsTheCountAgain) {
  for (int start = 0; start < 6; ++start) {
    die(at(start));
    EXPECT_TRUE(recovery_.wake(at(start)));
    finish();
    recovery_.end_execution(*execution(1), true);
  }
}

// ---- what is told, and when -----------------------------------------------------------------

TEST_F(RecoveryTest, AnEndIsHeldUntilItsSnapshotIsThere) {
  const auto behind = recovery_.offer_behind(*execution(1));
  Recovery::Ended ended = runtime::Done{runtime::Completed{"42", {}, {}, {}}, milliseconds(3)};
  EXPECT_TRUE(recovery_.hold(behind, ended, "\"1\""));
  living_.insert(*behind);
  const Recovery::Settled settled = recovery_.taken({*behind, ""});
  ASSERT_TRUE(settled.held);
  EXPECT_TRUE(settled.made);
  const auto& done = std::get<runtime::Done>(*settled.held);
  EXPECT_EQ(std::get<runtime::Completed>(done.outcome).value.repr, "42");
  EXPECT_FALSE(recovery_.release()) << "it is told once";
}

TEST_F(RecoveryTest, AnEndWhoseSnapshotCannotBeMadeIsToldAsNotKept) {
  const auto behind = recovery_.offer_behind(*execution(1));
  Recovery::Ended ended = runtime::Done{runtime::Completed{}, milliseconds(3)};
  recovery_.hold(behind, ended, "\"1\"");
  const Recovery::Settled settled = recovery_.taken({*behind, "fork: EAGAIN"});
  EXPECT_TRUE(settled.held);
  EXPECT_FALSE(settled.made);
  EXPECT_EQ(recovery_.facts().failure, "fork: EAGAIN");
}

TEST_F(RecoveryTest, AnotherSnapshotTellsNothing) {
  recovery_.offer();
  const auto behind = recovery_.offer_behind(*execution(1));
  Recovery::Ended ended = runtime::ResetDone{};
  recovery_.hold(behind, ended, {});
  living_.insert(1);
  EXPECT_FALSE(recovery_.taken({1, ""}).held);
  EXPECT_TRUE(recovery_.release());
}

TEST_F(RecoveryTest, WithoutASnapshotToComeNothingIsHeld) {
  Recovery::Ended ended = runtime::ResetDone{};
  EXPECT_FALSE(recovery_.hold(std::nullopt, ended, {}));
}

TEST_F(RecoveryTest, WhatIsHeldIsUndoneByADeath) {
  snapshot();
  const auto behind = recovery_.offer_behind(*execution(1));
  Recovery::Ended ended = runtime::Done{runtime::Completed{}, milliseconds(3)};
  recovery_.hold(behind, ended, "\"1\"");
  die(at(0), true);
  EXPECT_FALSE(recovery_.release());
  recovery_.wake(at(0));
  EXPECT_TRUE(std::holds_alternative<Recovery::Crash>(finish().then));
}

// ---- what is told first, and confirmed later ------------------------------------------------

TEST_F(RecoveryTest, AtOtherLevelsItIsToldFirstAndConfirmedLater) {
  const auto behind = end_execution(early_);
  living_.insert(behind);
  EXPECT_FALSE(early_.taken({behind, ""}).held);
  EXPECT_EQ(sent_.only(), (Json{{"type", "kept"}, {"execution_id", "1"}}));
}

TEST_F(RecoveryTest, AtOtherLevelsItIsToldThatThereIsNoSnapshot) {
  EXPECT_FALSE(early_.taken({end_execution(early_), "no memory"}).held);
  EXPECT_EQ(sent_.only(),
            (Json{{"type", "not_kept"}, {"execution_id", "1"}, {"message", "no memory"}}));
  early_.taken({end_execution(early_), ""});
  const std::string message = sent_.only()["message"];
  EXPECT_NE(message.find("--snapshot-limit"), message.npos);
}

TEST_F(RecoveryTest, OnlyAtTheFastLevelMayItsSnapshotWait) {
  end_execution(early_);
  EXPECT_TRUE(urgent_);
  end_execution(fast_);
  EXPECT_FALSE(urgent_);
}

TEST_F(RecoveryTest, WhatTheStateLostIsTold) {
  told_ = {{"pool"}, {"native"}, {{"gpu"}, {"socket"}}};
  die();
  recovery_.wake(at(0));
  finish();
  const Json frame = sent_.only();
  EXPECT_EQ(frame["lost_threads"], Json::array({"pool"}));
  EXPECT_EQ(frame["lost_devices"], Json::array({"gpu"}));
  EXPECT_EQ(frame["lost_descriptors"], Json::array({"socket"}));
}

TEST_F(RecoveryTest, CodeThatStandsStillForLostThreadsIsACrash) {
  told_.lost_native_threads = {"pool"};
  snapshot();
  die();
  recovery_.wake(at(0));
  finish();
  recovery_.begin_execution(at(1000));
  EXPECT_EQ(recovery_.due(), at(1500));
  recovery_.act(at(1500));
  EXPECT_EQ(recovery_.due(), at(2000)) << "it moves";
  stands_still_ = true;
  did();
  recovery_.act(at(2000));
  EXPECT_EQ(did(), Did{"kill"});
  die(at(2000), true, SIGKILL);
  recovery_.wake(at(2000));
  const Recovery::Revival revival = finish();
  const auto& crash = std::get<Recovery::Crash>(revival.then);
  EXPECT_NE(crash.report.message.find("(pool, 1 in all)"), std::string::npos);
}

TEST_F(RecoveryTest, WithNoThreadsLostNobodyLooks) {
  recovery_.begin_execution(at(0));
  EXPECT_EQ(recovery_.due(), std::nullopt);
}

TEST_F(RecoveryTest, WhatHasEndedIsNotLookedAt) {
  told_.lost_native_threads = {"pool"};
  die();
  recovery_.wake(at(0));
  finish();
  recovery_.begin_execution(at(0));
  recovery_.end_execution(*execution(1), false);
  EXPECT_EQ(recovery_.due(), std::nullopt);
}

TEST_F(RecoveryTest, AtTheEndARequestUnderWayHearsOfIt) {
  const auto number = snapshot();
  restore(number);
  sent_.end();
  recovery_.clear();
  const Json error = sent_.only();
  EXPECT_EQ(error["code"], "shutting_down");
  EXPECT_EQ(error["message"], "restore: the session has ended");
  EXPECT_EQ(error["line"], 4);
}

}  // namespace
}  // namespace replwire::server
