#include "runtime/interpreter_control.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

namespace replwire::runtime {
namespace {

volatile std::sig_atomic_t signals = 0;
void count(int /*signal*/) { signals = signals + 1; }

TEST(InterpreterControlTest, NamesWhatRuns) {
  InterpreterControl control;
  EXPECT_EQ(control.current(), 0U);
  control.begin(7);
  EXPECT_EQ(control.current(), 7U);
  EXPECT_EQ(control.busy_task(), 0U);
  control.end();
  EXPECT_EQ(control.current(), 0U);
  EXPECT_GT(control.serial(), 7U);  // what is late for it is stale
}

TEST(InterpreterControlTest, EachTaskAtRestHasANameOfItsOwn) {
  InterpreterControl control;
  control.stir();
  const std::uint64_t first = control.busy_task();
  EXPECT_TRUE(InterpreterControl::is_at_rest(first));
  EXPECT_EQ(control.current(), first);
  EXPECT_TRUE(control.is_stirring(first));
  control.rest();
  EXPECT_EQ(control.busy_task(), 0U);
  control.stir();
  EXPECT_NE(control.busy_task(), first);
  EXPECT_FALSE(control.is_stirring(first));
  control.begin(1);
  EXPECT_FALSE(control.is_stirring());
}

TEST(InterpreterControlTest, AnInterruptIsTakenOnce) {
  std::signal(kInterruptSignal, count);
  InterpreterControl control;
  EXPECT_FALSE(control.interrupt(3, -1));  // there is no process
  control.forget_interrupt();
  control.set_process(::getpid());
  EXPECT_TRUE(control.interrupt(3, 9));
  EXPECT_EQ(signals, 1);
  EXPECT_EQ(control.take_interrupt(), 3U);
  EXPECT_EQ(control.take_child(), 9);
  EXPECT_TRUE(control.nudge());
  EXPECT_EQ(signals, 2);
  EXPECT_EQ(control.take_interrupt(), 0U);
  EXPECT_EQ(control.take_child(), -1);
}

// `ulimit -i 0`: no signal can be queued.
TEST(InterpreterControlTest, AnInterruptNeedsNoQueueOfSignals) {
  std::signal(kInterruptSignal, count);
  const int before = signals;
  const rlimit none = {0, 0};
  ASSERT_EQ(::setrlimit(RLIMIT_SIGPENDING, &none), 0);
  InterpreterControl control;
  control.set_process(::getpid());
  EXPECT_TRUE(control.interrupt(3, -1));
  EXPECT_EQ(signals, before + 1);
  EXPECT_EQ(control.take_interrupt(), 3U);
}

}  // namespace
}  // namespace replwire::runtime
