#include "server/session/turns.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "server/session/earliest.h"
#include "server/session/frame_values.h"
#include "server/session/new_run.h"
#include "server/session/recovery/death_report.h"
#include "server/session/replies.h"
#include "server/system/overloaded.h"
#include "server/system/process/process_facts.h"

namespace replwire::server {
namespace {

using protocol::ErrorCode;
using protocol::ErrorReason;
using protocol::InputClosedReason;
using protocol::InterruptOutcome;

constexpr double kGrace = 2;  // seconds
constexpr int kBroken = 70;   // exit status

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

std::string_view key_of(const std::optional<RunningExecution>& running) {
  return running ? std::string_view(running->key()) : std::string_view();
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

}  // namespace

Turns::Turns(const Parts& parts, const Options& options, Elsewhere elsewhere)
    : parts_(parts),
      options_(options),
      elsewhere_(std::move(elsewhere)),
      queue_(options.queue_limit, options.stop_on_error),
      autosave_(parts.frames, options),
      stopper_(parts.processes) {
  if (!options.survive) return;
  // A snapshot is of use for what is still to run.
  const auto wanted = [this] {
    return !parts_.ending.stopping() && !parts_.ending.shutting_down() &&
           !(parts_.ending.has_input_ended() && queue_.empty());
  };
  recovery_.emplace(
      parts_.processes, parts_.frames, parts_.log,
      Recovery::Limits{options.snapshots, options.snapshot_limit, options.survive_level != "safe",
                       options.survive_level == "fast"},
      wanted);
}

void Turns::open() {
  load_ipython();
  if (recovery_) recovery_->offer();
  if (auto request = autosave_.restore())
    add(std::move(request->errand), std::move(request->reply));
}

// Into a Python that has just been started.
void Turns::load_ipython() {
  if (!options_.loads_ipython_late()) return;
  parts_.link.post(runtime::LoadIpython{});
  parts_.inputs.hold();
  loads_ipython_ = true;
}

void Turns::on(const runtime::IpythonLoaded& /*loaded*/) {
  parts_.inputs.open();
  loads_ipython_ = false;
}

void Turns::adopt(BranchStart& start) {
  recovery_->adopt(start.number, std::move(start.snapshot));
  // Tasks and threads of the state may still write for executions of its own.
  first_serial_ = last_serial_ = start.last_serial;
  last_count_ = start.last_count;
  window_ = start.window;
  if (start.functions) parts_.functions.know(*start.functions);
}

void Turns::open(const runtime::Restored& restored) {
  recovery_->begun(restored);
  if (auto functions = parts_.functions.again()) parts_.link.post(*std::move(functions));
}

// ---- requests -------------------------------------------------------------------------------

void Turns::add(protocol::Execute request, ReplyOnce reply) {
  if (!recovery_ && is_transaction(request)) {
    return reply.refuse(ErrorCode::kInvalidField, "/transaction: needs --survive");
  }
  queue_.add(std::move(request), std::move(reply), {busy(), key_of(running_)});
}

void Turns::add(runtime::Errand transfer, ReplyOnce reply) {
  if (const std::string key = json_of(*reply.id()); parts_.saves.find(key))
    return reply.refuse(ErrorCode::kDuplicateId, "/id: " + key + " is in use");
  queue_.add(std::move(transfer), std::move(reply), {busy(), key_of(running_)});
}

void Turns::add(runtime::CommMessage message, ReplyOnce reply) {
  queue_.add(std::move(message), std::move(reply), key_of(running_));
}

// A branch begins in the state when its turn comes, or in one that is there already.
void Turns::add(ExecutionQueue::Request request, ReplyOnce reply) {
  auto* const asked = std::get_if<protocol::Branch>(&request);
  if (asked == nullptr || !asked->checkpoint_id)
    return queue_.add(std::move(request), std::move(reply));
  if (recovery_) branch(recovery_->begin(*asked, std::move(reply)));
}

void Turns::interrupt(const protocol::Interrupt& request, ReplyOnce reply) {
  protocol::InterruptReply told = {{}, request.execution_id, InterruptOutcome::kNotRunning};
  const std::string key = request.execution_id ? json_of(*request.execution_id) : "";
  if (queue_.contains(key)) {
    told.outcome = InterruptOutcome::kDequeued;
    reply.answer(std::move(told));
    return queue_.cancel(key);
  }
  if (const auto save = parts_.saves.find(key)) {
    told.outcome = InterruptOutcome::kDelivered;
    reply.answer(std::move(told));
    parts_.saves.interrupt(*save);
    return parts_.link.kill_copy(*save);
  }
  const bool runs = running_ && (key.empty() || running_->key() == key);
  const std::uint64_t task = running_ || !key.empty() ? 0 : stopper_.task_at_rest();
  if (runs) told.execution_id = running_->id();
  if (runs || task != 0) told.outcome = InterruptOutcome::kDelivered;
  reply.answer(std::move(told));
  const Clock::time_point now = Clock::now();
  if (task != 0) stopper_.interrupt_task(task, now);
  if (!runs) return;
  stopper_.interrupt(*running_, now);
  if (request.grace) stopper_.insist(duration(*request.grace), now);
}

void Turns::signalled(const OutsideSignals::Message& message, std::uint64_t serial) {
  const Clock::time_point now = Clock::now();
  if (message.is_own) return stopper_.follow(serial, now);
  stopper_.interrupt(serial, pointer_to(running_), message.by_terminal, now);
}

// ---- from the queue to the interpreter ------------------------------------------------------

bool Turns::busy() const {
  return running_ || reset_ || loads_ipython_ || parts_.functions.busy() || parts_.saves.busy() ||
         (recovery_ && recovery_->busy());
}

// What is first in the queue. A file may be the one that a copy is still at work on.
bool Turns::holds_back() {
  if (queue_.front_is_file() && !parts_.saves.empty()) return true;
  return recovery_ && recovery_->holds_back(queue_.front());
}

void Turns::start_next() {
  while (!busy() && !queue_.empty() && !holds_back()) begin(queue_.pop());
}

// What it throws costs this one request.
void Turns::begin(ExecutionQueue::Entry next) try {
  std::visit(Overloaded{[&](protocol::Execute& request) { start(request, next); },
                        [&](protocol::Reset& /*request*/) {
                          parts_.link.post(runtime::Reset{});
                          reset_ = std::move(next.reply);
                        },
                        [&](protocol::Functions& request) {
                          parts_.link.post(parts_.functions.begin(request, std::move(next.reply)));
                        },
                        [&](protocol::Checkpoints& /*request*/) {
                          if (recovery_) elsewhere_.list(std::move(next.reply), recovery_->list());
                        },
                        [&](protocol::Branch& request) {
                          if (recovery_) branch(recovery_->begin(request, std::move(next.reply)));
                        },
                        [&](auto& request) {
                          if (recovery_) recovery_->begin(request, std::move(next.reply));
                        }},
             next.request);
} catch (const std::exception& fault) {
  parts_.log.line(std::string("a request could not be served: ") + fault.what());
}

void Turns::start(protocol::Execute& request, ExecutionQueue::Entry& entry) {
  const bool counts = !request.silent.value_or(false) && request.store_history.value_or(true);
  const auto count = counts ? std::optional<std::int64_t>(++last_count_) : std::nullopt;
  const bool notify_start = request.notify_start.value_or(false);
  std::string key = entry.key.empty() ? json_of(*entry.reply.id()) : std::move(entry.key);
  // A copy of the interpreter writes a file, while code goes on.
  auto* const save =
      recovery_ && entry.errand ? std::get_if<runtime::Save>(&*entry.errand) : nullptr;
  const auto execution = std::make_shared<const runtime::Execution>(
      runtime::Execution{++last_serial_, std::move(key), count,
                         save != nullptr ? runtime::Unanswered::kEof : unanswered(request)});
  if (save != nullptr) {
    return parts_.link.post(
        parts_.saves.begin(execution, std::move(*save), std::move(entry.reply)));
  }
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
  if (notify_start) parts_.frames.write(protocol::Started{running_->id(), count});
  stopper_.begin(timeout, grace, now);
  if (!recovery_) return;
  running_->set_behind(recovery_->offer_behind(*execution));
  recovery_->begin_execution(now);
}

void Turns::branch(std::optional<Recovery::Branching> branching) {
  if (!branching) return;
  elsewhere_.branch({branching->snapshot, recovery_->snapshots().all().at(branching->snapshot),
                     last_serial_, last_count_, parts_.functions.again(), window_,
                     std::move(branching->name), std::move(branching->reply)});
}

// ---- what the interpreter says --------------------------------------------------------------

void Turns::on(const runtime::NeedInput& question) {
  if (recovery_ && recovery_->state() == Recovery::State::kCondemned) return;
  parts_.outputs.flush();
  parts_.inputs.ask(question, pointer_to(running_));
}

void Turns::on(const runtime::InputWithdrawn& withdrawn) {
  const bool shutting_down = parts_.ending.shutting_down();
  const bool timed_out = running_ && stopper_.timed_out() &&
                         parts_.inputs.execution_of(withdrawn.number) == running_->serial();
  if (withdrawn.cancelled && !timed_out && !shutting_down) {
    return parts_.inputs.cancel(withdrawn.number, pointer_to(running_));
  }
  parts_.inputs.withdraw(withdrawn.number, shutting_down ? InputClosedReason::kShutdown
                                           : timed_out   ? InputClosedReason::kTimeout
                                                         : InputClosedReason::kInterrupt);
}

void Turns::on(runtime::Done& done) {
  if (recovery_ && recovery_->state() == Recovery::State::kCondemned)
    return;  // the execution ends with its interpreter
  parts_.outputs.flush();
  const auto before = running_->before();
  if (before && running_->rolls_back(done.outcome) && recovery_->snapshots().lives(*before)) {
    return recovery_->go_back({protocol::RestoredCause::kRollback, before, std::move(done)});
  }
  const auto behind = running_->behind();
  Recovery::Ended ended = std::move(done);
  if (!recovery_ || !recovery_->hold(behind, ended, running_->key())) tell(ended, !behind);
}

void Turns::on(runtime::ResetDone& done) {
  parts_.outputs.flush();
  Recovery::Ended ended = std::move(done);
  if (recovery_) recovery_->step();
  if (!recovery_ || !recovery_->hold(recovery_->offer(), ended, {})) tell(ended, true);
}

void Turns::tell(const Recovery::Ended& ended, bool kept) {
  std::visit(Overloaded{[&](const runtime::Done& done) {
                          replies::Ended how;
                          how.seconds = seconds(done.time);
                          how.timed_out = stopper_.timed_out();
                          how.kept = kept;
                          if (!parts_.is_branch)
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

template <class... How>
void Turns::end_execution(bool failed, bool undone, const How&... how) {
  // Before the client can know: what dies from here on dies at rest.
  parts_.outputs.set_running(nullptr, std::nullopt);
  running_->end(how...);
  stopper_.end();
  const bool stop = running_->stop_on_error();
  if (recovery_) recovery_->end_execution(*running_->execution(), undone);
  running_.reset();
  if (failed) queue_.after_failure(stop);
}

void Turns::on(const runtime::Exiting& exiting) {
  if (!recovery_) {
    parts_.process_end.die(execution_of(running_), "exit", exiting.traceback, exiting.status);
  }
  recovery_->leaving(exiting.traceback);
}

// ---- with --survive -------------------------------------------------------------------------

void Turns::on(const runtime::Checkpointed& checkpointed) {
  if (!recovery_) return;
  Recovery::Settled settled = recovery_->taken(checkpointed);
  if (settled.held) tell(*settled.held, settled.made);
  recovery_->drop(settled.outdated);  // which wakes processes
  branch(std::move(settled.branching));
  if (!settled.in_vain || queue_.empty() || !recovery_->waits(queue_.front())) return;
  const auto& transaction = std::get<protocol::Execute>(queue_.front());
  const bool stop = transaction.stop_on_error.value_or(false);
  queue_.fail_front(ErrorReason::kAborted,
                    "the system could not make the snapshot that the transaction may go back to");
  queue_.after_failure(stop);
}

bool Turns::interpreter_died(const Death& death, Clock::time_point now) {
  parts_.outputs.flush();
  parts_.outputs.hold();
  recovery_->died(death, running_.has_value(), now);
  held_ = 0;
  parts_.inputs.withdraw_all(replies::closed_by(recovery_->cause()));
  if (running_) parts_.processes.kill_orphans(running_->started());
  if (reset_) reset_->refuse(ErrorCode::kInvalidField, "the interpreter died");
  reset_.reset();
  loads_ipython_ = false;
  parts_.functions.interpreter_died();
  parts_.saves.interpreter_died();
  if (recovery_->wake(now)) return true;
  if (!parts_.is_branch) {
    parts_.process_end.die(execution_of(running_), "interpreter",
                           "the interpreter died each time that it was started anew", kBroken);
  }
  return false;
}

void Turns::on(const runtime::Restored& restored) {
  if (!reviving()) return;
  if (recovery_->begins_anew()) load_ipython();
  if (auto functions = parts_.functions.again()) parts_.link.post(*std::move(functions));
  Recovery::Revival revival =
      recovery_->finish(execution_of(running_), parts_.link.process(), restored);
  parts_.outputs.open();
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

// ---- time -----------------------------------------------------------------------------------

std::optional<Turns::Clock::time_point> Turns::due() {
  const auto files = parts_.ending.shutting_down() ? std::nullopt : autosave_.due();
  const auto recovery = recovery_ ? recovery_->due() : std::nullopt;
  if (reviving()) return earliest({recovery, files});
  if (running_ && stopper_.has_deadline()) {
    const bool waits = held_ > 0 || (!running_->timeout_includes_input() &&
                                     parts_.inputs.waits_for(running_->serial()));
    stopper_.pause(waits, Clock::now());
  }
  return earliest({recovery, files, stopper_.due()});
}

bool Turns::act(Clock::time_point now) {
  if (parts_.saves.find(Autosave::key()) || queue_.contains(Autosave::key()))
    autosave_.put_off(now);
  if (auto request = autosave_.save(now))
    add(std::move(request->errand), std::move(request->reply));
  if (recovery_) recovery_->act(now);
  return !reviving() && stopper_.act(pointer_to(running_), now);
}

void Turns::stuck(std::uint64_t serial, const WorkerStack::Outcome& outcome) {
  // Or it has ended in the very last moment.
  if (!running_ || running_->serial() != serial || reviving()) return;
  const auto stack = replies::stack_of(outcome);
  if (options_.on_stuck == "exit") {
    parts_.processes.kill_descendants(running_->started());
    parts_.process_end.die(running_->execution(), "timeout", replies::text_of(stack), kBroken);
  }
  if (!recovery_) {
    return parts_.frames.write(
        protocol::Stuck{running_->id(), running_->elapsed(Clock::now()), stack});
  }
  const bool late = stopper_.timed_out();
  Recovery::Crash crash = {late ? ErrorReason::kTimeout : ErrorReason::kInterrupt, {}};
  crash.report.message = "the code could not be stopped: its interpreter was ended";
  crash.report.traceback = replies::text_of(stack);
  recovery_->go_back(
      {late ? protocol::RestoredCause::kTimeout : protocol::RestoredCause::kInterrupt,
       recovery_->snapshots().newest(), std::move(crash)});
}

// ---- what there is --------------------------------------------------------------------------

protocol::State Turns::state() const {
  if (held_ > 0) return protocol::State::kStopped;
  if (!running_) return busy() ? protocol::State::kBusy : protocol::State::kIdle;
  const auto waits = [this](InputDesk::Kind kind) {
    return parts_.inputs.waits_for(running_->serial(), kind);
  };
  return waits(InputDesk::Kind::kInput)  ? protocol::State::kWaitingForInput
         : waits(InputDesk::Kind::kCall) ? protocol::State::kWaitingForCall
                                         : protocol::State::kBusy;
}

protocol::SessionFacts Turns::facts() const {
  protocol::SessionFacts facts = {};
  facts.state = state();
  if (running_) {
    facts.execution_id = running_->id();
    facts.elapsed = running_->elapsed(Clock::now());
  }
  facts.queued = static_cast<std::int64_t>(queue_.size());
  facts.pending_inputs = parts_.inputs.ids(InputDesk::Kind::kInput);
  facts.pending_calls = parts_.inputs.ids(InputDesk::Kind::kCall);
  facts.memory_usage = resident_bytes(parts_.link.process());
  facts.cpu_seconds = cpu_seconds(parts_.link.process());
  if (recovery_) facts.snapshots = recovery_->facts();
  return facts;
}

// ---- the end --------------------------------------------------------------------------------

void Turns::shut_down(Clock::time_point now) {
  queue_.end_executions(ErrorReason::kCancelled);
  if (running_) return stopper_.interrupt(*running_, now);
  const std::uint64_t task = busy() ? 0 : stopper_.task_at_rest();
  if (task != 0) stopper_.interrupt_task(task, now);
}

void Turns::finish() {
  if (const auto held = recovery_ ? recovery_->release() : std::nullopt) tell(*held, true);
  if (running_) {
    running_->end(ErrorReason::kCancelled, {}, replies::Ended{running_->elapsed(Clock::now())});
  }
  running_.reset();
  parts_.frames.end();
  reset_.reset();
  if (recovery_) recovery_->clear();
  queue_.clear();
}

}  // namespace replwire::server
