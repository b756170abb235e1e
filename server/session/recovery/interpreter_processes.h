#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/link/interpreter_link.h"
#include "server/session/recovery/recovery.h"
#include "server/session/stop/stopper.h"
#include "server/system/process/descendants.h"
#include "server/system/process/end_descendants.h"
#include "server/system/process/standstill.h"
#include "server/system/side_thread.h"

namespace replwire::server {

// What a session's parts do to processes, by way of the link: to the interpreter, to its snapshots
// and to what user code started. For the session, which guards it.
//
// To find what user code started takes time where there is much of it: a thread beside does it, the
// hunt. No execution begins meanwhile, so that what is found belongs to the one that is meant.
class InterpreterProcesses final : public StopSignals, public SnapshotProcesses {
 public:
  using Clock = std::chrono::steady_clock;

  // `of_others`: whether a process belongs to another session. `hunted`: called on the thread
  // beside, when a hunt is over.
  InterpreterProcesses(InterpreterLink& link, std::function<bool(pid_t)> of_others,
                       std::function<void()> hunted)
      : link_(link), of_others_(std::move(of_others)), hunted_(std::move(hunted)) {}

  bool hunting() const { return hunts_ > 0; }

  void interrupt(std::uint64_t serial) override { link_.interrupt(serial); }
  void interrupt_all(std::uint64_t serial, Clock::time_point start) override;
  void terminate_descendants(Clock::time_point start) override;
  void nudge() override { link_.nudge(); }
  std::uint64_t busy_at_rest() const override { return link_.control().busy_task(); }
  bool is_at_rest(std::uint64_t serial) const override {
    return runtime::InterpreterControl::is_at_rest(serial);
  }

  void take(std::uint64_t number, std::optional<std::size_t> limit, bool urgent) override {
    link_.post(runtime::Checkpoint{number, limit, urgent});
  }
  void drop(std::uint64_t number) override { link_.drop(number); }
  void wake(std::uint64_t number) override { link_.wake(number); }
  void kill_interpreter() override { link_.kill(); }
  pid_t process_of(std::uint64_t number) const override { return link_.process_of(number); }
  std::int64_t memory_of(std::uint64_t number) const override;
  bool stands_still() override;

  // What was started since, at once.
  void kill_descendants(Clock::time_point start) const;
  // Processes that the lost execution started are this one's children now; nobody knows of them.
  void kill_orphans(Clock::time_point start) const;
  // Whether user code has left any, whoever started them, dead perhaps.
  bool any_left() const;
  // See end_descendants(). The interpreter and the snapshots are killed first, without a SIGTERM.
  std::vector<pid_t> end_all(Spared spared, const std::vector<std::string>& files) const;
  // The same for one session of several. No hunt goes on then.
  std::vector<pid_t> end_branch(std::optional<Spared> spared,
                                const std::function<std::vector<std::string>()>& files);

 private:
  Descendants started_since(Clock::time_point start, const std::vector<pid_t>& except) const;
  void hunt(const std::function<void()>& job);

  InterpreterLink& link_;
  const std::function<bool(pid_t)> of_others_;
  Standstill standstill_;
  const std::function<void()> hunted_;
  std::atomic<int> hunts_{0};
  SideThread hunter_{"hunter"};
};

}  // namespace replwire::server
