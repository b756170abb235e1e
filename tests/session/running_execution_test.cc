#include "server/session/running_execution.h"

#include <gtest/gtest.h>

#include "session/executions.h"

namespace replwire::server {
namespace {

using namespace replwire_tests;  // NOLINT(google-build-using-namespace)
using protocol::Transaction;

class RunningExecutionTest : public ::testing::Test {
 protected:
  SentFrames sent_;
};

TEST_F(RunningExecutionTest, GivesOutItsInputsInOrder) {
  protocol::Execute request;
  request.inputs = std::vector<std::string>{"one", "two"};
  RunningExecution execution = running(sent_, 1, std::move(request));
  EXPECT_EQ(execution.next_input(), "one");
  EXPECT_EQ(execution.next_input(), "two");
  EXPECT_EQ(execution.next_input(), std::nullopt);
  execution.end(runtime::Completed{}, {});
  EXPECT_FALSE(sent_.only().contains("inputs_unused"));
}

TEST_F(RunningExecutionTest, TellsOfInputsThatNobodyAskedFor) {
  protocol::Execute request;
  request.inputs = std::vector<std::string>{"one", "two", "three"};
  RunningExecution execution = running(sent_, 1, std::move(request));
  execution.next_input();
  execution.end(runtime::Raised{}, {});
  EXPECT_EQ(sent_.only()["inputs_unused"], 2);
}

TEST_F(RunningExecutionTest, AResultTellsOfInterrupts) {
  RunningExecution execution = running(sent_, 1);
  execution.count_interrupt();
  execution.count_interrupt();
  execution.end(runtime::Completed{}, {});
  EXPECT_EQ(sent_.only()["interrupts"], 2);
}

TEST_F(RunningExecutionTest, EndsUnderItsIdAndCount) {
  RunningExecution execution = running(sent_, 7);
  EXPECT_EQ(execution.id(), protocol::Id("7"));
  EXPECT_EQ(execution.key(), "\"7\"");
  execution.end(runtime::Completed{}, replies::Ended{0.5});
  const Json result = sent_.only();
  EXPECT_EQ(result["execution_id"], "7");
  EXPECT_EQ(result["execution_count"], 7);
  EXPECT_EQ(result["execution_time"], 0.5);
}

TEST_F(RunningExecutionTest, EndsOnce) {
  RunningExecution execution = running(sent_, 1);
  execution.end(runtime::Completed{}, {});
  execution.end(protocol::ErrorReason::kCancelled, {}, {});
  EXPECT_EQ(sent_.only()["type"], "result");
}

TEST_F(RunningExecutionTest, ForgottenItIsAFaultOfTheServers) {
  { const RunningExecution forgotten = running(sent_, 1); }
  EXPECT_EQ(sent_.only()["code"], "internal");
}

TEST_F(RunningExecutionTest, CountsTimeFromItsStart) {
  RunningExecution execution = running(sent_, 1, {}, at(1000));
  EXPECT_DOUBLE_EQ(execution.elapsed(at(1250)), 0.25);
  execution.end(runtime::Completed{}, {});
}

struct RollBack {
  Transaction transaction;
  runtime::Outcome outcome;
  bool rolls_back;
};
class RollsBackTest : public ::testing::TestWithParam<RollBack> {};

TEST_P(RollsBackTest, AsItsTransactionSays) {
  SentFrames sent;
  protocol::Execute request;
  request.transaction = GetParam().transaction;
  RunningExecution execution = running(sent, 1, std::move(request));
  EXPECT_EQ(execution.rolls_back(GetParam().outcome), GetParam().rolls_back);
  execution.end(GetParam().outcome, {});
}

INSTANTIATE_TEST_SUITE_P(
    Transactions, RollsBackTest,
    ::testing::Values(RollBack{Transaction::kCommit, runtime::Completed{}, false},
                      RollBack{Transaction::kCommit, runtime::Raised{}, false},
                      RollBack{Transaction::kRollbackOnFailure, runtime::Completed{}, false},
                      RollBack{Transaction::kRollbackOnFailure, runtime::Raised{}, true},
                      RollBack{Transaction::kRollbackOnFailure, runtime::Interrupted{}, true},
                      RollBack{Transaction::kRollbackOnFailure, runtime::OutOfMemory{}, true},
                      RollBack{Transaction::kRollbackOnFailure, runtime::Exited{{}, "0"}, true},
                      RollBack{Transaction::kRollbackAlways, runtime::Completed{}, true},
                      RollBack{Transaction::kRollbackAlways, runtime::Raised{}, true}));

}  // namespace
}  // namespace replwire::server
