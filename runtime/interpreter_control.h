#pragma once

#include <sys/types.h>

#include <atomic>
#include <csignal>
#include <cstdint>

namespace replwire::runtime {

// Tells the worker to look for an interrupt. One that nobody uses and that needs no queue: a limit
// of queued signals (`ulimit -i 0`) does not hold it up.
inline constexpr int kInterruptSignal = SIGSTKFLT;

// What a session and its interpreter share besides messages: what runs, what is busy at rest, what
// the newest interrupt is meant for, and the process to signal. There is one per interpreter,
// handed to both sides; with --survive it lies in memory that their processes share. Signal
// handlers read and write it: every member is a lock-free atomic, every function async-signal-safe.
class InterpreterControl {
 public:
  InterpreterControl() = default;
  InterpreterControl(const InterpreterControl&) = delete;
  InterpreterControl& operator=(const InterpreterControl&) = delete;

  // ---- both sides ----
  // The serial of the execution under way; the name of the task that is busy at rest; else 0.
  [[gnu::always_inline]] std::uint64_t current() const { return active_ ? serial() : busy_task(); }
  // What a task that runs at rest is interrupted by; 0 when none does.
  [[gnu::always_inline]] std::uint64_t busy_task() const {
    const std::uint64_t task = stirring_;
    return task % 2 == 1 && !active_ ? kAtRest | task : 0;
  }
  [[gnu::always_inline]] static bool is_at_rest(std::uint64_t target) {
    return (target & kAtRest) != 0;
  }

  // ---- the session's side ----
  // The process whose first thread is the worker; 0: there is none.
  void set_process(pid_t process) { process_ = process; }
  pid_t process() const { return process_; }
  // Of an execution, or of a task at rest. `child`: what is readable when a child has ended that is
  // signalled with the worker, a descriptor of its process; -1: none. Code goes on a moment later,
  // when that has died of it.
  bool interrupt(std::uint64_t target, int child);
  // Has an interrupt that met SIGINT ignored tried once more, and wakes the worker from a system
  // call that an interrupt came an instant too early for.
  bool nudge();
  // Queues the signal to the worker. False when that is not possible.
  bool signal(int number) const;
  // Forgets what is not taken: its process is gone.
  void forget_interrupt() { wanted_ = 0; }

  // ---- the worker's side ----
  void begin(std::uint64_t serial);
  void end();   // what is still on its way for this execution is stale
  void stir();  // the event loop runs tasks at rest, until `rest`
  void rest();
  void go_on_at_rest();  // in a process that goes on where another one was at rest
  [[gnu::always_inline]] std::uint64_t serial() const { return serial_; }
  [[gnu::always_inline]] bool is_stirring() const { return stirring_ % 2 == 1; }
  [[gnu::always_inline]] bool is_stirring(std::uint64_t target) const {
    return target == (kAtRest | stirring_);
  }
  // What the newest interrupt is meant for; 0: it is a nudge.
  [[gnu::always_inline]] std::uint64_t take_interrupt() { return wanted_.exchange(0); }
  [[gnu::always_inline]] int take_child() { return child_.exchange(-1); }

 private:
  static constexpr std::uint64_t kAtRest = std::uint64_t{1} << 63;

  std::atomic<std::uint64_t> serial_{0};
  std::atomic<bool> active_{false};
  std::atomic<std::uint64_t> stirring_{0};  // odd while something is busy at rest
  std::atomic<std::uint64_t> wanted_{0};
  std::atomic<int> child_{-1};
  std::atomic<pid_t> process_{0};

  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
};

}  // namespace replwire::runtime
