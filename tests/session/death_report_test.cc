#include "server/session/recovery/death_report.h"

#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

namespace replwire::server {
namespace {

using Json = nlohmann::json;

// As waitpid() has them.
Death killed(int signal) { return {7, signal, "", false, true}; }
Death exited(int status) { return {7, status << 8, "", false, true}; }
Death unknown() { return {0, 0, "", false, false}; }

TEST(DeathReportTest, OfASignal) {
  EXPECT_EQ(signal_name(killed(SIGSEGV)), "SIGSEGV");
  EXPECT_EQ(exit_status(killed(SIGSEGV)), std::nullopt);
  EXPECT_EQ(cause_of(killed(SIGSEGV)), "the interpreter was ended by SIGSEGV (Segmentation fault)");
}

TEST(DeathReportTest, OfASignalWithoutAName) { EXPECT_EQ(signal_name(killed(40)), "40"); }

TEST(DeathReportTest, OfAnExitStatus) {
  EXPECT_EQ(signal_name(exited(3)), std::nullopt);
  EXPECT_EQ(exit_status(exited(3)), 3);
  EXPECT_EQ(exit_status(exited(0)), 0);
  EXPECT_EQ(cause_of(exited(3)), "the interpreter ended with exit status 3");
}

TEST(DeathReportTest, OfWhatNeverSaidHowItEnded) {
  EXPECT_EQ(signal_name(unknown()), std::nullopt);
  EXPECT_EQ(exit_status(unknown()), std::nullopt);
  EXPECT_EQ(cause_of(unknown()), "the interpreter could not start");
}

TEST(DeathReportTest, OfASystemWithoutMemory) {
  Death death = killed(SIGKILL);
  death.out_of_memory = true;
  EXPECT_EQ(cause_of(death),
            "the interpreter was ended by SIGKILL (Killed): the system was out of memory");
}

constexpr const char* kTwoThreads =
    "Thread 0x1 (most recent call first):\n"
    "  File \"/lib/threading.py\", line 9 in wait\n"
    "\n"
    "Current thread 0x2 (most recent call first):\n"
    "  File \"<execution 1>\", line 3 in crash\n"
    "  File \"<execution 1>\", line 5 in <module>\n"
    "\n"
    "Extension modules: numpy (total: 1)\n";

TEST(DeathReportTest, TheFramesAreThoseOfTheThreadThatWasMet) {
  const Json frames = Json::parse(frames_of(kTwoThreads));
  ASSERT_EQ(frames.size(), 2U) << frames;
  for (const Json& frame : frames) EXPECT_EQ(frame["filename"], "<execution 1>");
}

TEST(DeathReportTest, TextWithoutAStackHasNoFrames) {
  EXPECT_EQ(frames_of(""), "[]");
  EXPECT_EQ(frames_of("Fatal Python error: Segmentation fault\n"), "[]");
  EXPECT_EQ(frames_of("Current thread 0x2 (most recent call first):\n"), "[]");
}

TEST(DeathReportTest, AStackThatIsCutOffIsReadAsFarAsItGoes) {
  const Json frames =
      Json::parse(frames_of("Current thread 0x2 (most recent call first):\n"
                            "  File \"<execution 1>\", line 3 in crash"));
  EXPECT_LE(frames.size(), 1U);
}

TEST(DeathReportTest, TheReportHoldsTheTraceback) {
  Death death = killed(SIGABRT);
  death.traceback = kTwoThreads;
  const runtime::Report report = crash_report(death, std::nullopt);
  EXPECT_EQ(report.type, "InterpreterDied");
  EXPECT_EQ(report.message, cause_of(death));
  EXPECT_EQ(report.traceback, kTwoThreads);
  EXPECT_EQ(Json::parse(report.frames).size(), 2U);
}

TEST(DeathReportTest, WhatCodeSaidItselfComesFirst) {
  Death death = exited(1);
  death.traceback = kTwoThreads;
  EXPECT_EQ(crash_report(death, "os._exit").traceback, "os._exit");
  EXPECT_EQ(crash_report(death, "os._exit").frames, "[]");
}

}  // namespace
}  // namespace replwire::server
