// Executions that wait: their order, their limits, and how they end without having run.
#include <gtest/gtest.h>

#include "support/run_program.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

// Holds the queue until it is answered.
struct Blocker {
  Json id;
  Json input_id;
};

Blocker block(ServerProcess& server, std::string_view code = "input()",
              Json extra = Json::object()) {
  const Json id = server.start(code, std::move(extra));
  return {id, server.await_input()["id"]};
}

void expect_never_ran(const Execution& execution, std::string_view reason) {
  const Json& error = execution.terminal;
  EXPECT_EQ(error["type"], "error") << error;
  EXPECT_EQ(error["reason"], reason) << error;
  for (const char* field : {"exception_type", "exception_message", "traceback"}) {
    ASSERT_TRUE(error.contains(field)) << field << error;
    EXPECT_TRUE(error[field].is_string()) << field << error;
  }
  EXPECT_TRUE(error.contains("execution_count") && error["execution_count"].is_null()) << error;
  EXPECT_EQ(error["traceback"], "") << error;
  EXPECT_EQ(error["frames"], Json::array()) << error;
  EXPECT_EQ(error["execution_time"], 0) << error;
}

TEST(QueueTest, StatusCountsThoseBehindTheRunningOne) {
  ServerProcess server;
  const Blocker blocker = block(server);
  for (int n = 0; n < 3; ++n) server.start("1");
  EXPECT_EQ(server.status()["queued"], 3);
  server.answer(blocker.input_id, "");
}

TEST(QueueTest, LimitRefusesTheOneTooMany) {
  ServerProcess server(options({"--queue-limit", "2"}));
  const Blocker blocker = block(server);
  const Json second = server.start("2");
  const Json third = server.start("3");
  server.send({{"type", "execute"}, {"id", "too many"}, {"code", "4"}});
  const Json error = server.read_frame();
  EXPECT_EQ(error["code"], "queue_full");
  EXPECT_EQ(error["id"], "too many");
  server.answer(blocker.input_id, "");
  EXPECT_TRUE(server.finish(blocker.id).ok());
  EXPECT_EQ(server.finish(second).value(), 2);
  EXPECT_EQ(server.finish(third).value(), 3);
  EXPECT_EQ(server.execute("4", {{"id", "too many"}}).value(), 4);
}

TEST(QueueTest, ThereIsNoLimitUnlessToldSo) {
  ServerProcess server;
  const Blocker blocker = block(server);
  std::vector<Json> ids;
  for (int n = 0; n < 5000; ++n) ids.push_back(server.start(std::to_string(n)));
  server.answer(blocker.input_id, "");
  int n = 0;
  for (const Json& id : ids) ASSERT_EQ(server.finish(id).value(), n++);
}

TEST(QueueTest, APipeLargerThanTheQueueLosesNothing) {
  std::string script;
  for (int n = 0; n < 2000; ++n) {
    script += R"({"type":"execute","id":)" + std::to_string(n) + R"(,"code":"'counted' #)" +
              std::string(1000, 'x') + "\"}\n";
  }
  const ProgramRun run = run_program(options({"--queue-bytes", "20000"}), script);
  EXPECT_EQ(run.status, 0);
  std::size_t found = 0;
  for (std::size_t at = 0; (at = run.out.find("\"'counted'\"", at)) != run.out.npos; ++at) ++found;
  EXPECT_EQ(found, 2000u);
}

TEST(QueueTest, AnAnswerIsReadFromBehindAFullQueue) {
  ServerProcess server(options({"--queue-bytes", "10000"}));
  const Json id = server.start("input()");
  for (int n = 0; n < 200; ++n) server.start("1 #" + std::string(1000, 'x'));
  server.answer("from behind");
  EXPECT_EQ(server.finish(id).value(), "from behind");
}

TEST(QueueTest, InterruptTakesAQueuedOneOut) {
  ServerProcess server;
  const Blocker blocker = block(server);
  const Json before = server.start("'before'");
  const Json doomed = server.start("print('never')");
  const Json after = server.start("'after'");
  server.send({{"type", "interrupt"}, {"id", "i"}, {"execution_id", doomed}});
  const std::vector<Json> frames = server.read_until("interrupt_reply");
  for (const Json& frame : frames) EXPECT_FALSE(is_terminal(frame)) << "came before the reply";
  EXPECT_EQ(frames.back()["id"], "i");
  EXPECT_EQ(frames.back()["execution_id"], doomed);
  EXPECT_EQ(frames.back()["outcome"], "dequeued");
  server.answer(blocker.input_id, "");
  expect_never_ran(server.finish(doomed), "cancelled");
  EXPECT_TRUE(server.finish(blocker.id).ok());
  EXPECT_EQ(server.finish(before).value(), "before");
  EXPECT_EQ(server.finish(after).value(), "after");
  EXPECT_EQ(server.execute("1", {{"id", doomed}}).value(), 1);
}

TEST(QueueTest, StopOnErrorAbortsWhatHasBeenRead) {
  ServerProcess server;
  const Blocker blocker = block(server, "input()\n1 / 0", {{"stop_on_error", true}});
  const Json first = server.start("print('never')");
  const Json second = server.start("print('never')");
  ASSERT_EQ(server.status()["queued"], 2);
  server.answer(blocker.input_id, "");
  EXPECT_EQ(server.finish(blocker.id).exception(), "ZeroDivisionError");
  expect_never_ran(server.finish(first), "aborted");
  expect_never_ran(server.finish(second), "aborted");
  EXPECT_EQ(server.execute("'goes on'").value(), "goes on");
}

TEST(QueueTest, StopOnErrorWithoutErrorAbortsNothing) {
  ServerProcess server;
  const Blocker blocker = block(server, "input()", {{"stop_on_error", true}});
  const Json next = server.start("1");
  server.answer(blocker.input_id, "");
  EXPECT_TRUE(server.finish(blocker.id).ok());
  EXPECT_EQ(server.finish(next).value(), 1);
}

TEST(QueueTest, AnErrorAbortsNothingUnlessToldSo) {
  ServerProcess server;
  const Blocker blocker = block(server, "input()\n1 / 0");
  const Json next = server.start("1");
  server.answer(blocker.input_id, "");
  EXPECT_FALSE(server.finish(blocker.id).ok());
  EXPECT_EQ(server.finish(next).value(), 1);
}

TEST(QueueTest, TheOptionStopOnErrorAbortsEveryLaterOne) {
  ServerProcess server(options({"--stop-on-error"}));
  EXPECT_TRUE(server.execute("1").ok());
  EXPECT_EQ(server.execute("1 / 0").exception(), "ZeroDivisionError");
  for (int n = 0; n < 3; ++n) expect_never_ran(server.execute("print('never')"), "aborted");
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(QueueTest, FailOnErrorShowsInTheExitStatus) {
  const std::string good = R"({"type":"execute","code":"1"})"
                           "\n";
  const std::string bad = R"({"type":"execute","code":"1 / 0"})"
                          "\n";
  const std::string end = R"({"type":"shutdown"})"
                          "\n";
  const Launch strict = options({"--fail-on-error"});
  EXPECT_EQ(run_program(strict, good).status, 0);
  EXPECT_EQ(run_program(strict, good + bad + good).status, 1);
  EXPECT_EQ(run_program({}, good + bad + good).status, 0);
  // A refused line is no execution.
  EXPECT_EQ(run_program(strict, good + "nonsense\n").status, 0);
  EXPECT_EQ(run_program(strict, end).status, 0);
}

TEST(QueueTest, ShutdownDoesNotUndoFailOnError) {
  ServerProcess server(options({"--fail-on-error"}));
  server.execute("1 / 0");
  server.send({{"type", "shutdown"}});
  EXPECT_EQ(server.wait_exit(), 1);
}

TEST(QueueTest, CancelledAndAbortedOnesFailToo) {
  ServerProcess server(options({"--fail-on-error"}));
  const Blocker blocker = block(server);
  const Json doomed = server.start("1");
  EXPECT_EQ(server.interrupt(doomed)["outcome"], "dequeued");
  server.answer(blocker.input_id, "");
  EXPECT_TRUE(server.finish(blocker.id).ok());
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 1);
}

}  // namespace
}  // namespace replwire_tests
