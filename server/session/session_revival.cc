// How the session goes from an interpreter that is dead, or is given up, to the next one.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "runtime/stack_dump.h"
#include "server/output/output_frames.h"
#include "server/session/frame_values.h"
#include "server/session/session.h"
#include "server/system/descendants.h"
#include "server/system/process_facts.h"

namespace replwire::server {
namespace {

using protocol::ErrorCode;
using protocol::ErrorReason;
using protocol::InputClosedReason;
using protocol::RestoredCause;
using std::chrono::milliseconds;

constexpr milliseconds kOneAfterTheOther{1000};
constexpr int kMostStartsAnew = 3;
constexpr int kMostDeaths = 2;  // of what wakes of one snapshot
constexpr int kMostKills = 10;
constexpr std::chrono::seconds kTimeToWake{10};
constexpr milliseconds kBetweenLooks{500};
constexpr std::size_t kMostNames = 5;
constexpr const char* kOwnThreads = "inquiries reader asker ";

std::optional<std::string> signal_name(const Death& death) {
  if (death.pid == 0 || !WIFSIGNALED(death.status)) return std::nullopt;
  const char* name = ::sigabbrev_np(WTERMSIG(death.status));
  return name != nullptr ? "SIG" + std::string(name) : std::to_string(WTERMSIG(death.status));
}

std::optional<std::int64_t> exit_status(const Death& death) {
  if (death.pid == 0 || !WIFEXITED(death.status)) return std::nullopt;
  return WEXITSTATUS(death.status);
}

// By something outside that wants it dead; the system that is out of memory does not count.
bool was_killed(const Death& death) {
  return death.pid != 0 && WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGKILL &&
         !death.out_of_memory;
}

std::string cause_of(const Death& death) {
  if (const auto name = signal_name(death)) {
    std::string text =
        "the interpreter was ended by " + *name + " (" + ::strsignal(WTERMSIG(death.status)) + ")";
    if (death.out_of_memory) text += ": the system was out of memory";
    return text;
  }
  if (const auto status = exit_status(death)) {
    return "the interpreter ended with exit status " + std::to_string(*status);
  }
  return "the interpreter could not start";
}

// From what the interpreter writes when a deadly signal comes: the stack of the thread it met,
// which may stand behind those of others.
std::string frames_of(const std::string& traceback) {
  constexpr std::string_view kHead = "(most recent call first):\n";
  const std::size_t current = traceback.find("Current thread ");
  const std::size_t head = traceback.find(kHead, current != traceback.npos ? current : 0);
  if (head == traceback.npos) return "[]";
  const std::size_t start = head + kHead.size();
  std::size_t end = start;  // of the lines that are indented
  while (end < traceback.size() && traceback.compare(end, 2, "  ") == 0) {
    end = std::min(traceback.find('\n', end), traceback.size() - 1) + 1;
  }
  const auto frames =
      runtime::stack_dump::parse_lines(std::string_view(traceback).substr(start, end - start));
  std::string json = "[";
  for (const auto& [filename, line, function] : frames.value_or(runtime::stack_dump::Frames{})) {
    if (json.size() > 1) json += ',';
    protocol::append_json(json, protocol::TracebackFrame{filename, line, {}, {}, {}, function, ""});
  }
  return json + "]";
}

// Of texts that are JSON.
std::string list_of(const std::vector<std::string>& items) {
  std::string json = "[";
  for (const std::string& item : items) json += (json.size() > 1 ? "," : "") + item;
  return json + "]";
}

std::string waited_for(const std::vector<std::string>& threads) {
  std::string text =
      "the code waited for threads of a native library, which were lost when the session was "
      "restored (";
  for (std::size_t i = 0; i < std::min(threads.size(), kMostNames); ++i) text += threads[i] + ", ";
  return text + std::to_string(threads.size()) +
         " in all) and which that library cannot start again: its interpreter was ended. What this "
         "library does on several threads takes a new session.";
}

InputClosedReason closed_by(RestoredCause cause) {
  switch (cause) {
    case RestoredCause::kTimeout:
      return InputClosedReason::kTimeout;
    case RestoredCause::kInterrupt:
      return InputClosedReason::kInterrupt;
    default:
      return InputClosedReason::kCrash;
  }
}

}  // namespace

// Ends the one that there is.
void Session::revive(Revival revival) {
  revival_ = std::move(revival);
  alarm_.cancel();
  parts_.link.kill();
}

// Pools of native libraries are not in a snapshot, and whoever gives them work waits for ever.
void Session::watch_for_standstill() {
  if (!lost_native_threads_.empty()) standstill_alarm_.set_in(kBetweenLooks);
}

void Session::look_for_standstill() {
  const LockAndDeliver lock(*this);
  if (!running_ || revival_ || exiting_ || held_) return;
  if (!standstill_.persists(parts_.link.process(), kOwnThreads)) return watch_for_standstill();
  Crash crash = {ErrorReason::kCrash, {}};
  crash.report.type = "InterpreterDied";
  crash.report.message = waited_for(lost_native_threads_);
  parts_.log.line(crash.report.message);
  revive({RestoredCause::kCrash, snapshots_.newest(), std::move(crash), true});
}

// The last step after a deadline: its interpreter is ended.
void Session::end_interpreter(std::string stack) {
  const bool late = deadline_.timed_out();
  Crash crash = {late ? ErrorReason::kTimeout : ErrorReason::kInterrupt, {}};
  crash.report.message = "the code could not be stopped: its interpreter was ended";
  crash.report.traceback = std::move(stack);
  revive({late ? RestoredCause::kTimeout : RestoredCause::kInterrupt, snapshots_.newest(),
          std::move(crash), true});
}

void Session::interpreter_died(const Death& death) {
  bool over = false;
  {
    const LockAndDeliver lock(*this);
    if (exiting_) return;
    parts_.log.line(cause_of(death));
    over = stopping_ || (shutting_down_ && !running_ && !revival_);
    if (!over) replace(death);
  }
  if (over) finish();
}

void Session::replace(const Death& death) {
  parts_.outputs.flush();
  const bool expected = revival_ && std::exchange(revival_->awaited, false);
  forget_the_dead();
  const bool at_rest = !running_ || revival_;  // or while it woke: it ran no code of the execution
  if (!revival_) {
    revival_ = Revival{RestoredCause::kCrash, snapshots_.newest(), {}, false,
                       signal_name(death),    exit_status(death)};
    if (running_) revival_->then = crash_of(death);
  }
  if (revival_->snapshot && !snapshots_.has(*revival_->snapshot)) {
    revival_->snapshot = snapshots_.newest();
  }
  exiting_with_.reset();
  held_.reset();  // it is undone with the rest
  unconfirmed_.reset();
  parts_.stack.worker_died();
  while (const auto question = questions_.take(std::optional<std::string>{})) {
    close_question(*question, closed_by(revival_->cause));
  }
  if (running_) end_what_it_started();
  asked_for_.reset();
  if (in_turn_) in_turn_->refuse(ErrorCode::kInvalidField, "the interpreter died");
  in_turn_.reset();
  // Started, and no more than that: something outside has ended it.
  const bool lived = Clock::now() - woken_at_ >= kOneAfterTheOther;
  if (death.started && (lived || was_killed(death))) starts_anew_ = 0;
  if (expected || !at_rest) {
    deaths_at_rest_ = 0;
  } else {
    distrust_snapshot(death);
  }
  wake();
}

Session::Crash Session::crash_of(const Death& death) {
  Crash crash = {ErrorReason::kCrash, {}};
  crash.report.type = "InterpreterDied";
  crash.report.message = cause_of(death);
  crash.report.traceback = exiting_with_ ? exiting_with_->traceback : death.traceback;
  crash.report.frames = frames_of(crash.report.traceback);
  return crash;
}

// Of one that dies by itself, and again at once, nothing can be had any more; nor of one that is
// killed each time.
void Session::distrust_snapshot(const Death& death) {
  const Clock::time_point now = Clock::now();
  const bool again = last_woken_ && last_woken_ == revival_->snapshot &&
                     now - last_death_at_rest_ < kOneAfterTheOther;
  deaths_at_rest_ = again ? deaths_at_rest_ + 1 : 1;
  last_death_at_rest_ = now;
  if (deaths_at_rest_ < (was_killed(death) ? kMostKills : kMostDeaths)) return;
  deaths_at_rest_ = 0;
  revival_->snapshot.reset();
}

void Session::wake() {
  if (!revival_->snapshot && ++starts_anew_ > kMostStartsAnew) {
    die("interpreter", "the interpreter died each time that it was started anew", kBroken);
  }
  last_woken_ = revival_->snapshot;
  woken_at_ = Clock::now();
  snapshots_.forget_begun();
  if (revival_->snapshot) waking_.set_in(kTimeToWake);
  parts_.link.wake(revival_->snapshot.value_or(0));
}

// Hooks of user code's run as it wakes, and may wait for a lock of a thread that is gone.
void Session::give_up_waking() {
  const LockAndDeliver lock(*this);
  if (!revival_ || revival_->awaited || !revival_->snapshot) return;
  parts_.log.line("the snapshot did not wake");
  last_death_at_rest_ = Clock::now();  // it would not the next time either
  deaths_at_rest_ = kMostKills;
  parts_.link.kill();
}

void Session::on(const runtime::Restored& restored) { end_revival(restored); }

void Session::interpreter_started_anew() {
  const LockAndDeliver lock(*this);
  if (!exiting_ && revival_) end_revival({});
}

void Session::end_revival(const runtime::Restored& told) {
  if (revival_->snapshot) waking_.cancel();
  drop(snapshots_.restore(revival_->snapshot));
  forget_the_dead();
  protocol::Restored restored = {};
  if (running_) restored.execution_id = id_of(running_->execution);
  if (revival_->snapshot) restored.checkpoint_id = checkpoint_id(*revival_->snapshot);
  if (snapshots_.execution_id()) {
    restored.last_execution_id = protocol::JsonOf<protocol::Id>{*snapshots_.execution_id()};
  }
  restored.undone.text = list_of(snapshots_.undone());
  restored.cause = revival_->cause;
  restored.lost_threads = told.lost_threads;
  lost_native_threads_ = told.lost_native_threads;
  restored.lost_devices = told.lost.devices;
  restored.lost_descriptors = told.lost.descriptors;
  restored.pid = parts_.link.process();
  restored.signal = revival_->signal;
  restored.exit_status = revival_->exit_status;
  write(restored);
  if (!snapshots_.is_fresh()) offer_snapshot();
  std::visit([this](auto& then) { finish_revival(then); }, revival_->then);
  revival_.reset();
  start_next();
}

void Session::finish_revival(std::monostate& /*nothing*/) {}

void Session::finish_revival(Crash& crash) {
  const double time = seconds(Clock::now() - running_->started);
  parts_.outputs.set_running(nullptr, std::nullopt);
  write_error(crash.reason, crash.report, time, {}, revival_->snapshot.has_value());
  end_execution(true, true);
}

void Session::finish_revival(runtime::Done& done) {
  write_outcome(done, revival_->snapshot.has_value());
  end_execution(!std::holds_alternative<runtime::Completed>(done.outcome), true);
}

void Session::finish_revival(Answered& answered) {
  if (revival_->snapshot != answered.snapshot) {
    return answered.reply.refuse(
        ErrorCode::kInvalidField,
        "the snapshot died as it was restored; `restored` tells what goes on instead");
  }
  std::string id = checkpoint_id(answered.snapshot);
  if (answered.reply.type() == protocol::Undo::kType) {
    answered.reply.answer(protocol::UndoReply{{}, std::move(id)});
  } else {
    answered.reply.answer(protocol::RestoreReply{{}, std::move(id)});
  }
}

// Processes that the lost execution started are this one's children now; nobody knows of them.
void Session::end_what_it_started() const {
  std::vector<pid_t> earlier = own_processes();
  const auto is_own = [&earlier](pid_t pid) { return std::ranges::count(earlier, pid) > 0; };
  if (std::ranges::all_of(children_of(::getpid()), is_own)) return;
  const auto children = parts_.link.earlier_children();
  earlier.insert(earlier.end(), children.begin(), children.end());
  Descendants::started_since(::getpid(), running_->started, earlier).signal(SIGKILL);
}

}  // namespace replwire::server
