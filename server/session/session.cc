#include "server/session/session.h"

#include <algorithm>
#include <csignal>
#include <utility>
#include <variant>

#include "server/output/output_frames.h"
#include "server/session/frame_values.h"
#include "server/session/new_run.h"
#include "server/session/recovery/death_report.h"
#include "server/session/replies.h"
#include "server/system/overloaded.h"
#include "server/system/process/process_facts.h"

namespace replwire::server {
namespace {

using protocol::ErrorReason;
using protocol::InputClosedReason;

constexpr double kGrace = 2;  // seconds
constexpr int kBroken = 70;   // exit status
constexpr std::chrono::seconds kTimeToWake{10};
constexpr int kBetweenTwoEnds = 50;  // milliseconds

std::optional<Deadline::Duration> timeout_of(const protocol::Execute& request,
                                             const Options& options) {
  const double timeout = request.timeout.value_or(options.timeout);
  return timeout > 0 ? std::optional(duration(timeout)) : std::nullopt;
}

runtime::Unanswered unanswered(const protocol::Execute& request) {
  switch (request.on_input.value_or(protocol::OnInput::kAsk)) {
    case protocol::OnInput::kEof:
      return runtime::Unanswered::kEof;
    case protocol::OnInput::kError:
      return runtime::Unanswered::kError;
    case protocol::OnInput::kAsk:
      return runtime::Unanswered::kAsk;
  }
  return runtime::Unanswered::kAsk;
}

runtime::ExecutionRef execution_of(const std::optional<RunningExecution>& running) {
  return running ? running->execution() : nullptr;
}

bool has_failed(const runtime::Outcome& outcome) {
  return !std::holds_alternative<runtime::Completed>(outcome) &&
         !std::holds_alternative<runtime::Saved>(outcome) &&
         !std::holds_alternative<runtime::Loaded>(outcome);
}

template <class T>
T* pointer_to(std::optional<T>& value) {
  return value ? &*value : nullptr;
}

template <class Time>
void take_earlier(std::optional<Time>& earliest, const std::optional<Time>& other) {
  if (other && (!earliest || *other < *earliest)) earliest = other;
}

}  // namespace

Session::Session(const Parts& parts, const Options& options, std::function<void(bool)> hold_reader)
    : parts_(parts),
      options_(options),
      hold_reader_(std::move(hold_reader)),
      frames_({parts.writer, parts.name}),
      processes_(
          parts.link,
          [this](pid_t process) {
            return parts_.host != nullptr && parts_.host->others_have(*this, process);
          },
          [this] { const LockAndDeliver lock(*this); }),  // what waited begins
      process_end_(processes_, parts.outputs, frames_, parts.writer, parts.log,
                   options.sandbox.keeper),
      alarm_(parts.io, [this] { ring(); }),
      queue_(options.queue_limit, options.stop_on_error),
      inputs_(
          frames_,
          [this](std::uint64_t number, runtime::Answer answer) {
            parts_.link.answer(number, std::move(answer));
          },
          options.queue_bytes),
      autosave_(frames_, options),
      inquiries_([this](runtime::Inquiry inquiry) { parts_.link.ask(std::move(inquiry)); },
                 [this] { return parts_.writer.waiting_replies() <= StdinReader::kMostReplies; }),
      stopper_(processes_),
      ending_(frames_, options.exit_timeout > 0 ? std::optional(duration(options.exit_timeout))
                                                : std::nullopt) {
  if (!options.survive) return;
  // A snapshot is of use for what is still to run.
  const auto wanted = [this] {
    return !ending_.stopping() && !ending_.shutting_down() &&
           !(ending_.has_input_ended() && queue_.empty());
  };
  recovery_.emplace(
      processes_, frames_, parts_.log,
      Recovery::Limits{options.snapshots, options.snapshot_limit, options.survive_fast}, wanted);
}

// ---- ways in --------------------------------------------------------------------------------

void Session::open(const protocol::Ready& ready) {
  const LockAndDeliver lock(*this);
  frames_.write(ready);
  opened_ = true;
  inputs_.open();
  parts_.outputs.open();
  if (recovery_) recovery_->offer();
  add(autosave_.restore());
}

void Session::receive(runtime::Event event) {
  const LockAndDeliver lock(*this);
  if (ending_.over()) return;
  std::visit([this](auto& each) { on(each); }, event);
}

void Session::end_input() {
  const LockAndDeliver lock(*this);
  parts_.log.line("standard input ended");
  ending_.input_ended();
  inputs_.close();
  inputs_.refuse_all(InputClosedReason::kEndOfInput);
}

void Session::signalled(const OutsideSignals::Message& message) {
  const LockAndDeliver lock(*this);
  if (message.signal != SIGINT) return shut_down();
  if (message.by_terminal && is_branch()) {
    // It has been noted with what the first session runs.
    return stopper_.interrupt(parts_.link.control().current(), pointer_to(running_), true,
                              Clock::now());
  }
  if (message.is_own) return stopper_.follow(message.running, Clock::now());
  stopper_.interrupt(message.running, pointer_to(running_), message.by_terminal, Clock::now());
}

// A client that reads nothing is not buried in them.
void Session::beat() {
  const LockAndDeliver lock(*this);
  if (opened_ && !ending_.over() && parts_.outputs.room().any())
    frames_.write(protocol::Heartbeat{facts()});
}

void Session::ring() {
  bool over = false;
  {
    const LockAndDeliver lock(*this);
    alarm_set_.reset();
    if (ending_.over()) return;
    const Clock::time_point now = Clock::now();
    over = ending_.due() && *ending_.due() <= now;
    if (over && ending_.stopping())
      parts_.log.line("Python has not come to its end in time (--exit-timeout): cut off");
    if (saves_.find(Autosave::key()) || queue_.contains(Autosave::key())) autosave_.put_off(now);
    add(autosave_.save(now));
    if (opening_ && opening_->by <= now) {
      fail_opening("it did not wake");
      over = true;
    }
    if (recovery_) recovery_->act(now);
    if (!(recovery_ && recovery_->reviving()) && stopper_.act(pointer_to(running_), now)) {
      parts_.stack.take([this, serial = running_->serial()](const WorkerStack::Outcome& outcome) {
        const LockAndDeliver later(*this);
        // Or it has ended in the very last moment.
        const bool runs = running_ && running_->serial() == serial;
        if (runs && !(recovery_ && recovery_->reviving())) stuck(outcome);
      });
    }
  }
  if (over) finish();
}

// What follows from whatever has happened under the lock.
void Session::settle() {
  start_next();
  inquiries_.go_on();
  // The reader is held while too much waits, but for an input() whose answer may stand behind it.
  const bool many = queue_.bytes() + inquiries_.bytes() > options_.queue_bytes;
  const bool hold = statuses_.full() || (many && inputs_.empty());
  if (std::exchange(reader_held_, hold) != hold) hold_reader_(hold);
  if (ending_.over()) return;
  std::optional<Clock::time_point> due = ending_.due();
  if (opening_) take_earlier(due, std::optional(opening_->by));
  if (recovery_) take_earlier(due, recovery_->due());
  if (!ending_.shutting_down()) take_earlier(due, autosave_.due());
  if (!(recovery_ && recovery_->reviving())) {
    if (running_ && stopper_.has_deadline()) {
      const bool waits = held_ > 0 || (!running_->timeout_includes_input() &&
                                       inputs_.waits_for(running_->serial()));
      stopper_.pause(waits, Clock::now());
    }
    take_earlier(due, stopper_.due());
  }
  if (std::exchange(alarm_set_, due) == due) return;
  due ? alarm_.set(*due) : alarm_.cancel();
}

bool Session::busy() const {
  return running_ || reset_ || functions_.busy() || saves_.busy() ||
         (recovery_ && recovery_->busy());
}

void Session::add(std::optional<Autosave::Request> request) {
  if (request) queue_.add(std::move(request->errand), std::move(request->reply), {busy(), {}});
}

// ---- executions -----------------------------------------------------------------------------

// What is first in the queue. A file may be the one that a copy is still at work on.
bool Session::holds_back() {
  if (queue_.front_is_file() && !saves_.empty()) return true;
  return recovery_ && recovery_->holds_back(queue_.front());
}

void Session::start_next() {
  if (!opened_ || ending_.over() || processes_.hunting()) return;
  while (!busy() && !queue_.empty() && !holds_back()) begin(queue_.pop());
  if (!busy() && queue_.empty() && !others_live() &&
      ending_.stop(!inquiries_.empty() || !listings_.empty() || !saves_.empty(), Clock::now())) {
    parts_.link.post(runtime::Stop{});
  }
}

// What it throws costs this one request.
void Session::begin(ExecutionQueue::Entry next) try {
  std::visit(Overloaded{[&](protocol::Execute& request) { start(request, next); },
                        [&](protocol::Reset& /*request*/) {
                          parts_.link.post(runtime::Reset{});
                          reset_ = std::move(next.reply);
                        },
                        [&](protocol::Functions& request) {
                          parts_.link.post(functions_.begin(request, std::move(next.reply)));
                        },
                        [&](protocol::Checkpoints& /*request*/) {
                          if (recovery_) list_snapshots(std::move(next.reply));
                        },
                        [&](protocol::Branch& request) {
                          if (recovery_) branch(recovery_->begin(request, std::move(next.reply)));
                        },
                        [&](TakesTurn auto& request) {
                          if (recovery_) recovery_->begin(request, std::move(next.reply));
                        }},
             next.request);
} catch (const std::exception& fault) {
  parts_.log.line(std::string("a request could not be served: ") + fault.what());
}

// The system walks through all pages of a process for this: tens of milliseconds for a large one.
void Session::list_snapshots(ReplyOnce reply) {
  Recovery::Listed listed = recovery_->list();
  side_thread_.post([this, processes = std::move(listed.processes)] {
    std::vector<std::int64_t> memory;
    for (const pid_t process : processes) memory.push_back(proportional_bytes(process));
    const LockAndDeliver lock(*this);
    if (!ending_.over()) listings_.answer(memory);
  });
  listings_.add(std::move(reply), std::move(listed.reply));
}

// A file that a copy of the interpreter writes, while code goes on.
void Session::start_apart(ExecutionQueue::Entry& entry) {
  const auto execution = std::make_shared<const runtime::Execution>(runtime::Execution{
      ++last_serial_, std::move(entry.key), std::nullopt, runtime::Unanswered::kEof});
  parts_.link.post(saves_.begin(execution, std::move(std::get<runtime::Save>(*entry.errand)),
                                std::move(entry.reply)));
}

void Session::start(protocol::Execute& request, ExecutionQueue::Entry& entry) {
  if (recovery_ && entry.errand && std::holds_alternative<runtime::Save>(*entry.errand))
    return start_apart(entry);
  const bool counts = !request.silent.value_or(false) && request.store_history.value_or(true);
  const auto count = counts ? std::optional<std::int64_t>(++last_count_) : std::nullopt;
  const bool notify_start = request.notify_start.value_or(false);
  std::string key = entry.key.empty() ? json_of(*entry.reply.id()) : std::move(entry.key);
  const auto execution = std::make_shared<const runtime::Execution>(
      runtime::Execution{++last_serial_, std::move(key), count, unanswered(request)});
  const Clock::time_point now = Clock::now();
  RunningExecution running(execution, std::move(entry.reply), request, now);
  if (recovery_ && is_transaction(request)) running.set_before(recovery_->snapshots().newest());
  auto output_limit = options_.output_limit;
  if (request.output_limit) output_limit = static_cast<std::size_t>(*request.output_limit);
  parts_.outputs.set_running(execution, output_limit);
  const auto timeout = timeout_of(request, options_);
  const auto grace = duration(request.grace.value_or(kGrace));
  parts_.link.post(new_run(execution, std::move(request), std::move(entry.errand), window_));
  running_ = std::move(running);
  if (notify_start) frames_.write(protocol::Started{running_->id(), count});
  stopper_.begin(timeout, grace, now);
  if (!recovery_) return;
  running_->set_behind(recovery_->offer_behind(*execution));
  recovery_->begin_execution(now);
}

template <class... How>
void Session::end_execution(bool failed, bool undone, const How&... how) {
  // Before the client can know: what dies from here on dies at rest.
  parts_.outputs.set_running(nullptr, std::nullopt);
  running_->end(how...);
  stopper_.end();
  const bool stop = running_->stop_on_error();
  if (recovery_) recovery_->end_execution(*running_->execution(), undone);
  running_.reset();
  if (failed) queue_.after_failure(stop);
}

// ---- events of the link ---------------------------------------------------------------------

void Session::on(const runtime::NeedInput& question) {
  if (recovery_ && recovery_->condemned()) return;
  parts_.outputs.flush();
  inputs_.ask(question, pointer_to(running_));
}

void Session::on(runtime::Defined& defined) { functions_.defined(defined); }

void Session::on(const runtime::CopyBegun& begun) { saves_.begun(begun); }

void Session::on(const runtime::CopyDone& done) {
  const std::string fault = saves_.done(done);
  if (!fault.empty()) parts_.log.line("save: " + fault);
}

void Session::on(const runtime::InputWithdrawn& withdrawn) {
  const bool timed_out = running_ && stopper_.timed_out() &&
                         inputs_.execution_of(withdrawn.number) == running_->serial();
  if (withdrawn.cancelled && !timed_out && !ending_.shutting_down()) {
    return inputs_.cancel(withdrawn.number, pointer_to(running_));
  }
  inputs_.withdraw(withdrawn.number, ending_.shutting_down() ? InputClosedReason::kShutdown
                                     : timed_out             ? InputClosedReason::kTimeout
                                                             : InputClosedReason::kInterrupt);
}

// What a --startup file shows is lost: `ready` is the first frame.
void Session::on(const Shown auto& shown) {
  if (!opened_) return;
  parts_.outputs.flush();
  frames_.write(replies::event(shown));
}

void Session::on(const runtime::CommSent& sent) {
  if (!opened_) return;
  parts_.outputs.flush();
  std::visit([this](const auto& frame) { frames_.write(frame); }, replies::event(sent));
}

void Session::on(const runtime::Held& held) { held_ += held.threads; }

void Session::on(runtime::Done& done) {
  if (recovery_ && recovery_->condemned()) return;  // the execution ends with its interpreter
  parts_.outputs.flush();
  const auto before = running_->before();
  if (before && running_->rolls_back(done.outcome) && recovery_->snapshots().lives(*before)) {
    return recovery_->go_back({protocol::RestoredCause::kRollback, before, std::move(done)});
  }
  const auto behind = running_->behind();
  Recovery::Ended ended = std::move(done);
  if (!recovery_ || !recovery_->hold(behind, ended, running_->key())) tell(ended, !behind);
}

void Session::on(runtime::ResetDone& done) {
  parts_.outputs.flush();
  Recovery::Ended ended = std::move(done);
  if (recovery_) recovery_->step();
  if (!recovery_ || !recovery_->hold(recovery_->offer(), ended, {})) tell(ended, true);
}

void Session::tell(const Recovery::Ended& ended, bool kept) {
  std::visit(Overloaded{[&](const runtime::Done& done) {
                          replies::Ended how;
                          how.seconds = seconds(done.time);
                          how.timed_out = stopper_.timed_out();
                          how.kept = kept;
                          if (!is_branch())
                            autosave_.ended(running_->key(), done.outcome, Clock::now());
                          end_execution(has_failed(done.outcome), false, done.outcome, how);
                        },
                        [&](const runtime::ResetDone& done) {
                          if (reset_) {
                            reset_->answer(protocol::ResetReply{{}, done.threads, done.tasks});
                          }
                          reset_.reset();
                        }},
             ended);
}

void Session::on(runtime::InquiryReply& told) {
  const std::string fault = inquiries_.answer(told);
  if (!fault.empty()) parts_.log.line(fault);
}

void Session::on(const runtime::Exiting& exiting) {
  if (!recovery_) {
    process_end_.die(execution_of(running_), "exit", exiting.traceback, exiting.status);
  }
  recovery_->leaving(exiting.traceback);
}

// ---- branches -------------------------------------------------------------------------------

void Session::branch(std::optional<Recovery::Branching> branching) {
  if (!branching) return;
  BranchStart start = {branching->snapshot,
                       recovery_->snapshots().all().at(branching->snapshot),
                       last_serial_,
                       last_count_,
                       functions_.again(),
                       window_,
                       std::move(branching->name),
                       std::move(branching->reply)};
  parts_.host->begin(*this, std::move(start));
}

void Session::begin(BranchStart start) {
  const LockAndDeliver lock(*this);
  recovery_->adopt(start.number, std::move(start.snapshot));
  // Tasks and threads of the state may still write for executions of its own.
  first_serial_ = last_serial_ = start.last_serial;
  last_count_ = start.last_count;
  window_ = start.window;
  if (start.functions) functions_.know(*start.functions);
  opening_ = Opening{start.number, std::move(start.reply), Clock::now() + kTimeToWake,
                     std::move(start.parent)};
}

void Session::open_branch(const runtime::Restored& restored) {
  Opening opening = *std::exchange(opening_, std::nullopt);
  protocol::BranchReply reply = {};
  reply.session = parts_.name;
  reply.checkpoint_id = checkpoint_id(opening.snapshot);
  reply.pid = parts_.link.process();
  reply.lost_threads = restored.lost_threads;
  reply.lost_devices = restored.lost.devices;
  reply.lost_descriptors = restored.lost.descriptors;
  opening.reply.answer(std::move(reply));
  recovery_->begun(restored);
  if (auto functions = functions_.again()) parts_.link.post(*std::move(functions));
  opened_ = true;
  inputs_.open();
  parts_.outputs.open();
}

void Session::fail_opening(const std::string& failure) {
  std::exchange(opening_, std::nullopt)->reply.refuse(protocol::ErrorCode::kInternal, failure);
}

void Session::not_begun(const std::string& failure) {
  {
    const LockAndDeliver lock(*this);
    if (opening_) fail_opening("the system could not make one: " + failure);
  }
  finish();
}

void Session::end_processes(std::function<void()> then) {
  const auto spared = options_.leave_children ? std::nullopt : std::optional(Spared::kOwnSessions);
  const auto end = [this, spared, then = std::move(then)] {
    const auto files = [this] { return parts_.outputs.pipes_of_others(); };
    for (const pid_t pid : processes_.end_branch(spared, files)) {
      parts_.log.line("process " + std::to_string(pid) + " goes on in a session of its own");
    }
    then();
  };
  try {
    side_thread_.post(end);
  } catch (const std::exception&) {
    end();  // there is no thread to be had: others wait
  }
}

protocol::SessionEntry Session::entry() {
  const LockAndDeliver lock(*this);
  protocol::SessionEntry entry = {};
  entry.state = state();
  entry.pid = parts_.link.process();
  entry.executions = static_cast<std::int64_t>(last_serial_ - first_serial_);
  return entry;
}

bool Session::opened() {
  const LockAndDeliver lock(*this);
  return opened_;
}

// ---- with --survive -------------------------------------------------------------------------

void Session::on(const runtime::Checkpointed& checkpointed) {
  if (!recovery_) return;
  Recovery::Settled settled = recovery_->taken(checkpointed);
  if (settled.held) tell(*settled.held, settled.made);
  branch(std::move(settled.branching));
  if (!settled.in_vain || queue_.empty() || !recovery_->waits(queue_.front())) return;
  const auto& transaction = std::get<protocol::Execute>(queue_.front());
  const bool stop = transaction.stop_on_error.value_or(false);
  queue_.fail_front(ErrorReason::kAborted,
                    "the system could not make the snapshot that the transaction may go back to");
  queue_.after_failure(stop);
}

void Session::interpreter_died(const Death& death) {
  bool over = false;
  {
    const LockAndDeliver lock(*this);
    if (ending_.over()) return;
    parts_.log.line(cause_of(death));
    if (opening_) fail_opening("it died as it began: " + cause_of(death));
    over = !opened_ || ending_.stopping() ||
           (ending_.shutting_down() && !running_ && !recovery_->reviving());
    if (!over) {
      const Clock::time_point now = Clock::now();
      parts_.outputs.flush();
      recovery_->died(death, running_.has_value(), now);
      parts_.stack.worker_died();
      held_ = 0;
      inputs_.withdraw_all(replies::closed_by(recovery_->cause()));
      if (running_) processes_.kill_orphans(running_->started());
      if (reset_) reset_->refuse(protocol::ErrorCode::kInvalidField, "the interpreter died");
      reset_.reset();
      functions_.interpreter_died();
      saves_.interpreter_died();
      over = !recovery_->wake(now);
      if (over && !is_branch()) {
        process_end_.die(execution_of(running_), "interpreter",
                         "the interpreter died each time that it was started anew", kBroken);
      }
    }
  }
  if (over) finish();
}

void Session::on(const runtime::Restored& restored) {
  if (opening_) return open_branch(restored);
  if (!recovery_ || !recovery_->reviving()) return;
  if (auto functions = functions_.again()) parts_.link.post(*std::move(functions));
  Recovery::Revival revival =
      recovery_->finish(execution_of(running_), parts_.link.process(), restored);
  replies::Ended how;
  how.timed_out = stopper_.timed_out();
  how.restored = revival.snapshot.has_value();
  how.signal = revival.signal;
  how.exit_status = revival.exit_status;
  std::visit(Overloaded{[](std::monostate /*nothing*/) {}, [](Recovery::Answered& /*request*/) {},
                        [&](const Recovery::Crash& crash) {
                          how.seconds = running_->elapsed(Clock::now());
                          end_execution(true, true, crash.reason, crash.report, how);
                        },
                        [&](const runtime::Done& done) {
                          how.seconds = seconds(done.time);
                          end_execution(has_failed(done.outcome), true, done.outcome, how);
                        }},
             revival.then);
}

// ---- stopping and ending --------------------------------------------------------------------

void Session::stuck(const WorkerStack::Outcome& outcome) {
  const auto stack = replies::stack_of(outcome);
  if (options_.on_stuck == "exit") {
    processes_.kill_descendants(running_->started());
    process_end_.die(running_->execution(), "timeout", replies::text_of(stack), kBroken);
  }
  if (!recovery_) {
    return frames_.write(protocol::Stuck{running_->id(), running_->elapsed(Clock::now()), stack});
  }
  const bool late = stopper_.timed_out();
  Recovery::Crash crash = {late ? ErrorReason::kTimeout : ErrorReason::kInterrupt, {}};
  crash.report.message = "the code could not be stopped: its interpreter was ended";
  crash.report.traceback = replies::text_of(stack);
  recovery_->go_back(
      {late ? protocol::RestoredCause::kTimeout : protocol::RestoredCause::kInterrupt,
       recovery_->snapshots().newest(), std::move(crash)});
}

void Session::end() {
  const LockAndDeliver lock(*this);
  if (!ending_.over()) shut_down();
}

void Session::shut_down() {
  if (!ending_.shut_down()) return;
  parts_.log.line("shutting down");
  if (parts_.host != nullptr && !is_branch()) parts_.host->shut_down();
  parts_.outputs.room().lift_limit();
  asio::post(parts_.io, [this] { parts_.outputs.room_again(); });
  queue_.end_executions(ErrorReason::kCancelled);
  inputs_.close();
  // The worker's own question ends with the interrupt; the others must not keep their threads.
  inputs_.refuse_threads(InputClosedReason::kShutdown);
  const Clock::time_point now = Clock::now();
  if (busy() || ending_.stopping()) ending_.give_time(now);
  if (running_) return stopper_.interrupt(*running_, now);
  const std::uint64_t task = busy() ? 0 : stopper_.task_at_rest();
  if (task != 0) stopper_.interrupt_task(task, now);
}

void Session::finish() {
  const LockAndDeliver lock(*this);
  if (others_live()) return ending_.await_others();
  if (!ending_.finish()) return;
  parts_.outputs.room().lift_limit();
  parts_.outputs.close();
  inputs_.withdraw_all(InputClosedReason::kShutdown);
  if (const auto held = recovery_ ? recovery_->release() : std::nullopt) tell(*held, true);
  if (running_) {
    running_->end(ErrorReason::kCancelled, {}, replies::Ended{running_->elapsed(Clock::now())});
  }
  running_.reset();
  while (!statuses_.empty()) statuses_.answer("the session has ended", facts());
  frames_.end();
  inquiries_.clear();
  listings_.clear();
  reset_.reset();
  functions_.clear();
  saves_.clear();
  if (recovery_) recovery_->clear();
  queue_.clear();
  if (is_branch()) return parts_.host->ended(*this);
  ending_.answer();
  asio::post(parts_.io, [this] { drained(); });
}

void Session::branch_ended() {
  bool over = false;
  {
    const LockAndDeliver lock(*this);
    over = ending_.awaits_others();
  }
  if (over) finish();
}

void Session::drained() {
  parts_.outputs.room_again();
  const LockAndDeliver lock(*this);
  if (is_branch() || !ending_.over() || parts_.writer.pending() != 0) return;
  // A client that died closed its two ends one after the other: this may be the second.
  if (!ending_.shutting_down() && processes_.any_left() &&
      parts_.writer.reader_gone(kBetweenTwoEnds)) {
    process_end_.follow_client();
  }
  const bool failed = frames_.failed() || (parts_.host != nullptr && parts_.host->failed());
  process_end_.exit(options_.leave_children, options_.fail_on_error && failed ? 1 : 0);
}

void Session::client_gone() {
  const LockAndDeliver lock(*this);
  process_end_.follow_client();
}

}  // namespace replwire::server
