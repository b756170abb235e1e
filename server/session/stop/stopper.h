#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "server/session/running_execution.h"
#include "server/session/stop/deadline.h"

namespace replwire::server {

// Whom a Stopper reaches: the worker, and the processes that code started. Nothing here blocks.
class StopSignals {
 public:
  virtual ~StopSignals() = default;

  // Of an execution, or of what runs at rest: the worker alone.
  virtual void interrupt(std::uint64_t serial) = 0;
  // And what it has started since, soon.
  virtual void interrupt_all(std::uint64_t serial, std::chrono::steady_clock::time_point start) = 0;
  // What was started since; it is asked to end, soon.
  virtual void terminate_descendants(std::chrono::steady_clock::time_point start) = 0;
  // Wakes the worker from a system call that an interrupt came an instant too early for.
  virtual void nudge() = 0;
  // What a task that runs at rest is interrupted by; 0 when none does.
  virtual std::uint64_t busy_at_rest() const = 0;
  virtual bool is_at_rest(std::uint64_t serial) const = 0;
};

// Ends what runs: on the client's word, at its deadline, and more firmly when it does not end. Says
// when it wants to be called next and sets no timer itself; what it does is signals. Belongs to the
// session, which guards it.
class Stopper {
 public:
  using Clock = Deadline::Clock;

  explicit Stopper(StopSignals& signals) : signals_(signals) {}
  Stopper(const Stopper&) = delete;
  Stopper& operator=(const Stopper&) = delete;

  // An execution starts, and is over.
  void begin(std::optional<Deadline::Duration> timeout, Deadline::Duration grace,
             Clock::time_point now);
  void end() { deadline_.end(); }

  // `by_terminal`: which tells the descendants itself.
  void interrupt(RunningExecution& running, Clock::time_point now, bool by_terminal = false);
  // More steps follow, each a grace later.
  void insist(Deadline::Duration grace, Clock::time_point now);
  // A task that runs at rest; 0: none does.
  std::uint64_t task_at_rest() const { return signals_.busy_at_rest(); }
  void interrupt_task(std::uint64_t task, Clock::time_point now);
  // Of that serial, which may run or be at rest; else nothing happens.
  void interrupt(std::uint64_t serial, RunningExecution* running, bool by_terminal,
                 Clock::time_point now);

  // Of that serial, which Python has been told to interrupt by somebody else.
  void follow(std::uint64_t serial, Clock::time_point now);

  // The time until the deadline stands still while the execution waits for the client.
  void pause(bool waits, Clock::time_point now);

  // When `act` is to be called.
  std::optional<Clock::time_point> due() const;
  // Does what is due by now. True: time is over, and nothing has ended what runs.
  bool act(RunningExecution* running, Clock::time_point now);

  bool has_deadline() const { return deadline_.active(); }
  bool timed_out() const { return deadline_.timed_out(); }

 private:
  // A signal that comes just before a system call does not end it; the next one does.
  struct Nudge {
    std::uint64_t serial;
    std::chrono::milliseconds delay;
    Clock::time_point due;
  };

  bool take_step(RunningExecution& running, Clock::time_point now);
  void nudge(RunningExecution* running, Clock::time_point now);

  StopSignals& signals_;
  Deadline deadline_;
  std::optional<Nudge> nudge_;
};

}  // namespace replwire::server
