#pragma once

#include <string>
#include <vector>

#include "server/link/interpreter_link.h"
#include "server/session/recovery/recovery.h"
#include "server/session/stop/stopper.h"
#include "server/system/process/end_descendants.h"
#include "server/system/process/standstill.h"

namespace replwire::server {

// What a session's parts do to processes, by way of the link: to the interpreter, to its snapshots
// and to what user code started. Nothing of it blocks. For the session, which guards it.
class InterpreterProcesses final : public StopSignals, public SnapshotProcesses {
 public:
  using Clock = std::chrono::steady_clock;

  explicit InterpreterProcesses(InterpreterLink& link) : link_(link) {}

  void interrupt(std::uint64_t serial, int child) override { link_.interrupt(serial, child); }
  void nudge() override { link_.nudge(); }
  std::uint64_t busy_at_rest() const override { return link_.control().busy_task(); }
  bool is_at_rest(std::uint64_t serial) const override {
    return runtime::InterpreterControl::is_at_rest(serial);
  }
  Descendants started_since(Clock::time_point start,
                            const std::vector<pid_t>& except) const override;
  void signal(const Descendants& processes, int number) override { processes.signal(number); }

  void take(std::uint64_t number, std::optional<std::size_t> limit, bool urgent) override {
    link_.post(runtime::Checkpoint{number, limit, urgent});
  }
  void drop(std::uint64_t number) override { link_.drop(number); }
  void wake(std::uint64_t number) override { link_.wake(number); }
  void kill_interpreter() override { link_.kill(); }
  pid_t process_of(std::uint64_t number) const override { return link_.process_of(number); }
  std::int64_t memory_of(std::uint64_t number) const override;
  bool stands_still() override;

  // Processes that the lost execution started are this one's children now; nobody knows of them.
  void kill_orphans(Clock::time_point start) const;
  // Whether user code has left any, whoever started them, dead perhaps.
  bool any_left() const;
  // See end_descendants(). The interpreter and the snapshots are killed first, without a SIGTERM.
  std::vector<pid_t> end_all(Spared spared, const std::vector<std::string>& files) const;

 private:
  InterpreterLink& link_;
  Standstill standstill_;
};

}  // namespace replwire::server
