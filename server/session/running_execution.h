#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "protocol/frames.h"
#include "runtime/link.h"
#include "server/session/replies.h"
#include "server/session/reply_once.h"

namespace replwire::server {

// The execution that the interpreter has in hand: what it was sent with and what has happened to
// it. Owes the frame that ends it. Belongs to the session, which guards it.
class RunningExecution {
 public:
  using Clock = std::chrono::steady_clock;

  // `request`: an execute whose id `reply` has and whose code is the interpreter's business.
  RunningExecution(runtime::ExecutionRef execution, ReplyOnce reply, protocol::Execute& request,
                   Clock::time_point started);

  const runtime::ExecutionRef& execution() const { return execution_; }
  std::uint64_t serial() const { return execution_->serial; }
  const std::string& key() const { return execution_->id; }
  const protocol::Id& id() const { return *reply_.id(); }
  Clock::time_point started() const { return started_; }
  double elapsed(Clock::time_point now) const;
  bool timeout_includes_input() const { return timeout_includes_input_; }
  bool stop_on_error() const { return stop_on_error_; }

  // The next of the inputs that it brought along.
  std::optional<std::string> next_input();
  void count_interrupt() { ++interrupts_; }
  std::int64_t interrupts() const { return interrupts_; }

  // The snapshot from before a transaction.
  void set_before(std::optional<std::uint64_t> snapshot) { before_ = snapshot; }
  std::optional<std::uint64_t> before() const { return before_; }
  // The snapshot that is to have what it changed.
  void set_behind(std::optional<std::uint64_t> snapshot) { behind_ = snapshot; }
  std::optional<std::uint64_t> behind() const { return behind_; }
  // Whether a transaction that ends so is to leave nothing behind.
  bool rolls_back(const runtime::Outcome& outcome) const;

  // Its final frame. `how`: what the execution itself does not know.
  void end(const runtime::Outcome& outcome, replies::Ended how);
  void end(protocol::ErrorReason reason, const runtime::Report& report, replies::Ended how);

 private:
  void complete(replies::Ended& how) const;

  runtime::ExecutionRef execution_;
  ReplyOnce reply_;
  std::deque<std::string> inputs_;
  Clock::time_point started_;
  bool timeout_includes_input_;
  bool stop_on_error_;
  protocol::Transaction transaction_;
  std::optional<std::uint64_t> before_;
  std::optional<std::uint64_t> behind_;
  std::int64_t interrupts_ = 0;
};

}  // namespace replwire::server
