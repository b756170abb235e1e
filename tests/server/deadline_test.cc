// `timeout`, `grace`, `--timeout`, `--on-stuck`: when time is over, what follows, and what stays.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/process_watch.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

// C code that holds the interpreter and cannot be interrupted, for a second or more.
const std::string kInC = "sum(range(10**8))\n";

// Goes on after each KeyboardInterrupt, until it has had as many as that.
std::string swallowing(int times) {
  return "import time\ncaught = 0\nwhile caught < " + std::to_string(times) +
         ":\n    try: time.sleep(600)\n    except KeyboardInterrupt: caught += 1\ncaught";
}

// Asks for the status until the running execution has taken so long.
Json status_after(ServerProcess& server, double seconds) {
  Json status = server.status();
  while (status["elapsed"] < seconds) status = server.status();
  return status;
}

struct Busy : Case {
  const char* code;
};

class DeadlineBusyTest : public ::testing::TestWithParam<Busy> {};

TEST_P(DeadlineBusyTest, EndsWhenTimeIsOverAndWhatWasBoundIsStillThere) {
  ServerProcess server;
  const std::string code = "kept = 'kept'\n" + std::string(GetParam().code);
  const Clock::time_point sent = Clock::now();
  const Execution execution =
      server.execute(code, {{"timeout", 0.1}, {"timeout_includes_input", true}});
  EXPECT_EQ(execution.reason(), "timeout") << execution;
  EXPECT_EQ(execution.exception(), "KeyboardInterrupt") << execution;
  EXPECT_GE(Clock::now() - sent, Millis(100));
  EXPECT_EQ(server.execute("kept").value(), "kept");
}

const Busy kBusy[] = {
    {"Loop", "while True: pass"},
    {"Sleep", "import time\ntime.sleep(600)"},
    {"Input", "input()"},
    {"Password", "import getpass\ngetpass.getpass()"},
    {"StandardInput", "import sys\nsys.stdin.readline()"},
    {"Receive", "import socket\na, b = socket.socketpair()\na.recv(1)"},
    {"Lock", "import threading\nl = threading.Lock()\nl.acquire()\nl.acquire()"},
    {"Child", "import subprocess\nsubprocess.run(['sleep', '600'])"},
};
INSTANTIATE_TEST_SUITE_P(Codes, DeadlineBusyTest, ::testing::ValuesIn(kBusy), CaseName{});

TEST(DeadlineTest, CodeThatIsQuickerIsNotTouchedNorIsTheNext) {
  ServerProcess server;
  ASSERT_EQ(server.execute("1", {{"timeout", 0.05}}).value(), 1);
  EXPECT_EQ(server.execute("import time\ntime.sleep(0.15)\n'whole'").value(), "whole");
}

TEST(DeadlineTest, TimeInTheQueueDoesNotCount) {
  ServerProcess server;
  server.start("import time\ntime.sleep(0.4)");
  const Json id = server.start("'quick'", {{"timeout", 0.3}});
  EXPECT_EQ(server.finish(id).value(), "quick");
}

TEST(DeadlineTest, WaitingForTheClientDoesNotCount) {
  ServerProcess server;
  const Json id =
      server.start("import time\nfirst = input()\ninput()\ntime.sleep(600)", {{"timeout", 0.5}});
  for (const double until : {0.7, 1.4}) {
    const Json request = server.await_input();
    EXPECT_EQ(status_after(server, until)["state"], "waiting_for_input");
    server.answer(request["id"], "a");
  }
  // What is left of the time counts on.
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.reason(), "timeout");
}

TEST(DeadlineTest, WaitingForTheClientCountsWhenToldSo) {
  ServerProcess server;
  const Json id = server.start("input()", {{"timeout", 0.1}, {"timeout_includes_input", true}});
  const Json request = server.await_input();
  const Json closed = server.read_until("input_closed").back();
  EXPECT_EQ(closed["id"], request["id"]);
  EXPECT_EQ(closed["reason"], "timeout");
  EXPECT_EQ(server.finish(id).reason(), "timeout");
  server.answer(request["id"], "late");
  EXPECT_EQ(server.read_until("protocol_error").back()["code"], "unknown_input_id");
  EXPECT_EQ(server.ask("input()", "in time").value(), "in time");
}

TEST(DeadlineTest, CodeThatGoesOnIsInterruptedAgainAGraceLater) {
  ServerProcess server;
  const Clock::time_point sent = Clock::now();
  const Execution execution = server.execute(
      "import time\ntry: time.sleep(600)\nexcept KeyboardInterrupt: caught = True\n"
      "time.sleep(600)",
      {{"timeout", 0.5}, {"grace", 0.2}});
  EXPECT_EQ(execution.reason(), "timeout");
  EXPECT_GE(Clock::now() - sent, Millis(700));
  EXPECT_EQ(server.execute("caught").value(), true);
}

TEST(DeadlineTest, CodeThatEndsByItselfAfterwardsHasAResultThatCounts) {
  ServerProcess server;
  const Execution execution = server.execute(swallowing(2), {{"timeout", 0.5}, {"grace", 0.1}});
  EXPECT_EQ(execution.value(), 2);
  EXPECT_EQ(execution.terminal["interrupts"], 2);
}

TEST(DeadlineTest, GraceIsTwoSecondsUnlessTold) {
  ServerProcess server;
  const Clock::time_point sent = Clock::now();
  const Execution execution = server.execute(swallowing(2), {{"timeout", 0.5}});
  EXPECT_GE(Clock::now() - sent, Millis(2500));
  EXPECT_LT(execution.terminal["execution_time"], 10);
}

TEST(DeadlineTest, AProcessThatStaysIsTerminatedAGraceLater) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import subprocess\np = subprocess.Popen(['sh', '-c', 'trap \"\" INT; trap \"echo told\" "
      "TERM; echo up; sleep 600'], "
      "stdout=subprocess.PIPE)\np.stdout.readline()\ntry: p.wait()\n"
      "except KeyboardInterrupt: first = p.poll()\ntry: p.wait()\n"
      "except KeyboardInterrupt: pass\np.stdout.read().decode()",
      {{"timeout", 1}, {"grace", 1}});
  // Not its status, which an interrupt right behind waitpid() makes Popen lose.
  EXPECT_EQ(execution.value(), "told\n") << execution;
  EXPECT_EQ(server.execute("first is None").value(), true) << "it had not been told to end";
}

TEST(DeadlineTest, WhatCannotBeStoppedIsSaidOnceAndTheSessionWaits) {
  ServerProcess server;
  const Json id = server.start("kept = 'kept'\n" + kInC, {{"timeout", 0.1}, {"grace", 0.1}});
  const Json behind = server.start("kept");
  const Execution execution = server.finish(id);
  std::vector<Json> stuck;
  for (const Json& frame : execution.frames) {
    if (frame["type"] == "stuck") stuck.push_back(frame);
  }
  ASSERT_EQ(stuck.size(), 1u) << execution;
  EXPECT_EQ(stuck[0]["execution_id"], id);
  EXPECT_GE(stuck[0]["elapsed"], 0.295);
  EXPECT_EQ(stuck[0]["stack"][0]["line"], 2) << stuck[0];
  EXPECT_EQ(execution.reason(), "timeout");
  EXPECT_EQ(server.finish(behind).value(), "kept");
}

TEST(DeadlineTest, OnStuckExitEndsTheProcessWithLastWords) {
  ServerProcess server(options({"--on-stuck", "exit"}));
  const Json id = server.start(
      "import subprocess\np = subprocess.Popen(['sh', '-c', 'trap \"\" INT TERM; echo child; "
      "while true; do sleep 1; done'], stdout=subprocess.PIPE)\np.stdout.readline()\n"
      "print(p.pid)\nsum(range(10**11))",
      {{"timeout", 1}, {"grace", 0.1}});
  const ProcessWatch child(std::stoi(server.read_line()));
  const Json last = server.read_to_end().back();
  EXPECT_EQ(last["type"], "fatal");
  EXPECT_EQ(last["reason"], "timeout");
  EXPECT_EQ(last["execution_id"], id);
  EXPECT_NE(last["traceback"].dump().find("line 5, in <module>"), std::string::npos) << last;
  EXPECT_EQ(server.wait_exit(), 70);
  EXPECT_TRUE(child.ends(kPatience));
}

TEST(DeadlineTest, TheOptionIsForAllThatDoNotSayOtherwise) {
  ServerProcess server(options({"--timeout", "0.1"}));
  EXPECT_EQ(server.execute("while True: pass").reason(), "timeout");
  EXPECT_EQ(server.execute("import time\ntime.sleep(0.3)\n'none'", {{"timeout", 0}}).value(),
            "none");
  EXPECT_EQ(server.execute("time.sleep(0.3)\n'longer'", {{"timeout", 20}}).value(), "longer");
  EXPECT_EQ(server.execute("while True: pass", {{"timeout", nullptr}}).reason(), "timeout");
}

TEST(DeadlineTest, AnInterruptWithGraceTakesTheSameWay) {
  ServerProcess server;
  const Json id = server.start("print('go')\n" + swallowing(2) + "\n" + kInC);
  server.read_line();
  server.send({{"type", "interrupt"}, {"execution_id", id}, {"grace", 0.1}});
  EXPECT_EQ(server.read_until("interrupt_reply").back()["outcome"], "delivered");
  EXPECT_EQ(server.read_until("stuck").back()["execution_id"], id);
  const Execution execution = server.finish(id);
  EXPECT_TRUE(execution.ok()) << execution;
  EXPECT_EQ(execution.terminal["interrupts"], 2);
}

TEST(DeadlineTest, AnInterruptWithoutGraceIsOneInterrupt) {
  ServerProcess server;
  const Json id = server.start("print('go')\n" + swallowing(2), {{"grace", 0.05}});
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(status_after(server, 0.5)["state"], "busy");
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).value(), 2);
}

TEST(DeadlineTest, AnInterruptAfterTheDeadlineDoesNotChangeWhatHappened) {
  ServerProcess server;
  const Json id = server.start(swallowing(1) + "\nprint('on')\ntime.sleep(600)",
                               {{"timeout", 0.5}, {"grace", 600}});
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).reason(), "timeout");
}

TEST(DeadlineTest, ExceptionsOfTheCodesOwnAreWhatTheyAre) {
  ServerProcess server;
  const Execution execution = server.execute(
      "import time\ntry: time.sleep(600)\nexcept KeyboardInterrupt: raise ValueError('cleaned up')",
      {{"timeout", 0.5}});
  EXPECT_EQ(execution.reason(), "exception");
  EXPECT_EQ(execution.exception(), "ValueError");
}

struct Wrong : Case {
  Json fields;
  const char* message;
};
class DeadlineFieldTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(DeadlineFieldTest, IsRefusedAndNothingRuns) {
  ServerProcess server;
  Json frame = {{"type", "execute"}, {"id", 1}, {"code", "ran = True"}};
  frame.update(GetParam().fields);
  server.send(frame);
  const Json error = server.read_frame();
  EXPECT_EQ(error["code"], "invalid_field");
  EXPECT_EQ(error["message"], GetParam().message);
  EXPECT_EQ(server.execute("'ran' in globals()").value(), false);
}

const Wrong kWrong[] = {
    {"Negative", {{"timeout", -1}}, "execute: /timeout: must be from 0 to 1000000000"},
    {"TooLong", {{"timeout", 1e10}}, "execute: /timeout: must be from 0 to 1000000000"},
    {"Text", {{"timeout", "1"}}, "execute: /timeout: must be a number"},
    {"Grace", {{"grace", true}}, "execute: /grace: must be a number"},
    {"Flag",
     {{"timeout_includes_input", 1}},
     "execute: /timeout_includes_input: must be true or false"},
};
INSTANTIATE_TEST_SUITE_P(Fields, DeadlineFieldTest, ::testing::ValuesIn(kWrong), CaseName{});

}  // namespace
}  // namespace replwire_tests
