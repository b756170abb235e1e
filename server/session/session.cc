#include "server/session/session.h"

#include "server/output/output_frames.h"
#include "server/session/frame_values.h"
#include "server/session/new_run.h"
#include "text/base64.h"

namespace replwire::server {
namespace {

using protocol::ErrorCode;
using protocol::ErrorReason;

constexpr double kGrace = 2;  // seconds

std::optional<Deadline::Duration> timeout_of(const protocol::Execute& request,
                                             const Options& options) {
  const double timeout = request.timeout.value_or(options.timeout);
  return timeout > 0 ? std::optional(duration(timeout)) : std::nullopt;
}

// What a waiting execution holds.
std::size_t bytes_of(const protocol::Execute& request) {
  std::size_t bytes = sizeof(request) + request.code.size() + request.filename.value_or("").size();
  if (request.inputs) {
    for (const std::string& input : *request.inputs) bytes += sizeof(input) + input.size();
  }
  return bytes;
}

runtime::Unanswered unanswered(const protocol::Execute& request) {
  switch (request.on_input.value_or(protocol::OnInput::kAsk)) {
    case protocol::OnInput::kEof:
      return runtime::Unanswered::kEof;
    case protocol::OnInput::kError:
      return runtime::Unanswered::kError;
    case protocol::OnInput::kAsk:
      break;
  }
  return runtime::Unanswered::kAsk;
}

}  // namespace

bool Session::is_transaction(const protocol::Execute& request) {
  return request.transaction.value_or(protocol::Transaction::kCommit) !=
         protocol::Transaction::kCommit;
}

Session::Session(const Parts& parts, const Options& options, std::function<void(bool)> hold_reader)
    : parts_(parts),
      frames_(parts.writer),
      options_(options),
      hold_reader_(std::move(hold_reader)),
      alarm_(parts.io, [this] { check_deadline(); }),
      ending_(parts.io),
      nudging_(parts.io),
      waking_(parts.io, [this] { give_up_waking(); }),
      standstill_alarm_(parts.io, [this] { look_for_standstill(); }) {}

void Session::open(const protocol::Ready& ready) {
  const LockAndDeliver lock(*this);
  write(ready);
  opened_ = true;
  parts_.outputs.open();
  offer_snapshot();
  if (shutting_down_ || input_ended_) stop_when_idle();
}

void Session::take(std::vector<Incoming> frames) {
  const LockAndDeliver lock(*this);
  if (exiting_) return;
  for (Incoming& incoming : frames) serve(incoming);
  update_reader();
}

// What one request throws, no thread to be had or no memory, costs that one: its ReplyOnce has
// answered when the exception arrives here.
void Session::serve(Incoming& incoming) try {
  if (auto* error = std::get_if<protocol::ProtocolError>(&incoming.frame)) return write(*error);
  std::visit(
      [&](auto& request) {
        on(request, ReplyOnce(frames_, request.kType, std::move(request.id), incoming.line));
      },
      std::get<protocol::Request>(incoming.frame));
} catch (const std::exception& fault) {
  parts_.log.line(std::string("a request could not be served: ") + fault.what());
}

// ---- executions -----------------------------------------------------------------------------

void Session::on(protocol::Execute& request, ReplyOnce reply) {
  std::string id = reply.id() ? json_of(*reply.id()) : invent_id();
  if (shutting_down_) {
    return reply.refuse(ErrorCode::kShuttingDown, "the session is shutting down");
  }
  if (id_in_use(id)) return reply.refuse(ErrorCode::kDuplicateId, "/id: " + id + " is in use");
  if (options_.queue_limit && busy() && queue_.size() >= *options_.queue_limit) {
    return reply.refuse(ErrorCode::kQueueFull,
                        std::to_string(*options_.queue_limit) + " executions wait already");
  }
  if (!options_.survive && is_transaction(request)) {
    return reply.refuse(ErrorCode::kInvalidField, "/transaction: needs --survive");
  }
  if (!reply.id()) reply.set_id(id.substr(1, id.size() - 2));
  const std::size_t bytes = bytes_of(request);
  queue_bytes_ += bytes;
  queue_.push_back({std::move(request), std::move(reply), std::move(id), bytes});
  const auto queued = std::prev(queue_.end());
  queued_ids_.emplace(queued->id, queued);
  if (aborting_) return end_queued(queued, ErrorReason::kAborted);
  if (!busy()) start_next();
}

bool Session::id_in_use(const std::string& id) const {
  return (running_ && running_->execution->id == id) || queued_ids_.contains(id);
}

std::string Session::invent_id() {
  std::string id;
  do {
    id = "\"replwire-" + std::to_string(++last_invented_) + "\"";
  } while (id_in_use(id));
  return id;
}

Session::Queued Session::unqueue(Queue::iterator queued) {
  queue_bytes_ -= queued->bytes;
  queued_ids_.erase(queued->id);
  Queued taken = std::move(*queued);
  queue_.erase(queued);
  return taken;
}

void Session::start_next() {
  while (!busy() && !queue_.empty() && !waits_for_snapshot(queue_.front())) {
    Queued next = unqueue(queue_.begin());
    std::visit([&](auto& request) { begin(request, next); }, next.request);
  }
  if (!busy() && queue_.empty() && (shutting_down_ || (input_ended_ && inquiries_.empty())))
    stop_when_idle();
  update_reader();
}

void Session::begin(protocol::Reset& /*request*/, Queued& queued) {
  in_turn_ = std::move(queued.reply);
  parts_.link.post(runtime::Reset{});
}

void Session::begin(protocol::Execute& request, Queued& queued) {
  const bool silent = request.silent.value_or(false);
  const auto count = silent ? std::nullopt : std::optional<std::int64_t>(++last_count_);
  auto execution = std::make_shared<const runtime::Execution>(
      runtime::Execution{++last_serial_, std::move(queued.id), count, unanswered(request)});
  auto inputs = std::move(request.inputs).value_or(std::vector<std::string>{});
  const Clock::time_point now = Clock::now();
  running_ =
      Running{execution,
              std::move(queued.reply),
              {std::make_move_iterator(inputs.begin()), std::make_move_iterator(inputs.end())},
              now,
              request.timeout_includes_input.value_or(false),
              request.stop_on_error.value_or(false),
              request.transaction.value_or(protocol::Transaction::kCommit),
              is_transaction(request) ? snapshots_.newest() : std::nullopt};
  deadline_.begin(timeout_of(request, options_), duration(request.grace.value_or(kGrace)), now);
  watch_time();
  auto output_limit = options_.output_limit;
  if (request.output_limit) output_limit = static_cast<std::size_t>(*request.output_limit);
  parts_.outputs.set_running(execution, output_limit);
  parts_.link.post(new_run(execution, std::move(request)));
  running_->behind = offer_snapshot_behind(*execution);
  watch_for_standstill();
}

void Session::on(runtime::Done& done) {
  if (is_given_up()) return;  // its death is on its way: the execution ends with that
  parts_.outputs.flush();
  if (rolls_back(done.outcome)) {
    return revive({protocol::RestoredCause::kRollback, running_->before, std::move(done), true});
  }
  if (running_->behind && !options_.survive_fast) {
    held_ = {*running_->behind, std::move(done)};
    return;
  }
  if (running_->behind) unconfirmed_ = {*running_->behind, running_->execution->id};
  tell(done, !running_->behind);
  start_next();
}

void Session::tell(runtime::Done& done, bool kept) {
  write_outcome(done, false, kept);
  end_execution(!std::holds_alternative<runtime::Completed>(done.outcome), false);
}

void Session::tell_held(bool kept) {
  Held held = *std::exchange(held_, std::nullopt);
  std::visit([this, kept](auto& done) { tell(done, kept); }, held.done);
}

void Session::write_outcome(const runtime::Done& done, bool restored, bool kept) {
  // Before the client can know: what dies from here on dies at rest.
  parts_.outputs.set_running(nullptr, std::nullopt);
  const double time = seconds(done.time);
  if (const auto* completed = std::get_if<runtime::Completed>(&done.outcome)) {
    write_result(*completed, time, restored, kept);
  } else if (const auto* raised = std::get_if<runtime::Raised>(&done.outcome)) {
    write_error(ErrorReason::kException, raised->report, time, std::nullopt, restored, kept);
  } else if (const auto* interrupted = std::get_if<runtime::Interrupted>(&done.outcome)) {
    const auto reason = deadline_.timed_out() ? ErrorReason::kTimeout : ErrorReason::kInterrupt;
    write_error(reason, interrupted->report, time, std::nullopt, restored, kept);
  } else if (const auto* memory = std::get_if<runtime::OutOfMemory>(&done.outcome)) {
    write_error(ErrorReason::kMemory, memory->report, time, std::nullopt, restored, kept);
  } else if (const auto* exited = std::get_if<runtime::Exited>(&done.outcome)) {
    write_error(ErrorReason::kExit, exited->report, time, exited->exit_code, restored, kept);
  }
}

// `restored`: it has left nothing behind.
void Session::end_execution(bool failed, bool restored) {
  const bool stop = running_->stop_on_error;
  starts_anew_ = 0;  // whatever it ended with, Python had run it
  if (options_.survive && !restored) {
    snapshots_.step(running_->execution->id, running_->execution->count);
  }
  running_.reset();
  if (!lost_native_threads_.empty()) standstill_alarm_.cancel();
  if (deadline_.active()) alarm_.cancel();
  deadline_.end();
  if (failed) stop_after_failure(stop);
}

// `stop`: it asked for that.
void Session::stop_after_failure(bool stop) {
  if (options_.stop_on_error) aborting_ = true;
  if (stop || aborting_) end_all_queued(ErrorReason::kAborted);
}

std::optional<std::int64_t> Session::inputs_unused() const {
  if (running_->inputs.empty()) return std::nullopt;
  return static_cast<std::int64_t>(running_->inputs.size());
}

void Session::write_result(const runtime::Completed& completed, double seconds, bool restored,
                           bool kept) {
  protocol::Result result = {};
  result.execution_count = running_->execution->count;
  result.repr = completed.repr;
  if (completed.value) result.value = protocol::JsonOf<protocol::AnyValue>{*completed.value};
  if (completed.display)
    result.display = protocol::JsonOf<protocol::DisplayData>{*completed.display};
  if (completed.display_metadata)
    result.display_metadata =
        protocol::JsonOf<protocol::DisplayMetadata>{*completed.display_metadata};
  result.repr_truncated = completed.repr_characters;
  result.inputs_unused = inputs_unused();
  if (running_->interrupts > 0) result.interrupts = running_->interrupts;
  if (restored) result.restored = true;
  if (!kept) result.kept = false;
  result.execution_time = seconds;
  running_->reply.answer(std::move(result));
}

void Session::write_error(ErrorReason reason, const runtime::Report& report, double seconds,
                          std::optional<std::string> exit_code, bool restored, bool kept) {
  failed_ = true;
  protocol::Error error = {};
  error.execution_count = running_->execution->count;
  error.reason = reason;
  if (restored) error.restored = true;
  if (!kept) error.kept = false;
  if (revival_) {
    error.signal = revival_->signal;
    error.exit_status = revival_->exit_status;
  }
  error.exception_type = report.type;
  error.exception_message = report.message;
  error.traceback = report.traceback;
  error.frames.text = report.frames;
  if (report.notes) error.notes = protocol::JsonOf<protocol::Notes>{*report.notes};
  if (report.causes) error.causes = protocol::JsonOf<protocol::Causes>{*report.causes};
  if (exit_code) error.exit_code = protocol::JsonOf<protocol::ExitCode>{*std::move(exit_code)};
  error.inputs_unused = inputs_unused();
  error.execution_time = seconds;
  running_->reply.answer(std::move(error));
}

void Session::end_queued(Queue::iterator queued, ErrorReason reason, std::string message) {
  failed_ = true;
  Queued taken = unqueue(queued);
  protocol::Error error = {};
  error.reason = reason;
  error.exception_message = std::move(message);
  taken.reply.answer(std::move(error));
}

void Session::end_all_queued(ErrorReason reason) {
  for (auto each = queue_.begin(); each != queue_.end();) {
    const auto queued = each++;
    if (std::holds_alternative<protocol::Execute>(queued->request)) end_queued(queued, reason);
  }
}

// ---- display --------------------------------------------------------------------------------

// What a --startup file shows is lost: `ready` is the first frame.
void Session::on(const runtime::Display& display) {
  if (!opened_) return;
  parts_.outputs.flush();
  protocol::Display frame = {};
  frame.execution_id = id_of(display.execution);
  frame.data.text = display.data;
  frame.metadata.text = display.metadata;
  frame.display_id = display.id;
  if (display.update) frame.update = true;
  write(frame);
}

void Session::on(const runtime::ClearOutput& clear) {
  if (!opened_) return;
  parts_.outputs.flush();
  write(protocol::ClearOutput{id_of(clear.execution), clear.wait});
}

// ---- the rest -------------------------------------------------------------------------------

template <class Request>
void Session::take_turn(Request& request, ReplyOnce reply) {
  if (shutting_down_) {
    return reply.refuse(ErrorCode::kShuttingDown, "the session is shutting down");
  }
  queue_bytes_ += sizeof(Queued);
  queue_.push_back({std::move(request), std::move(reply), {}, sizeof(Queued)});
  if (!busy()) start_next();
}

void Session::on(protocol::Reset& request, ReplyOnce reply) {
  take_turn(request, std::move(reply));
}
void Session::on(protocol::Checkpoint& request, ReplyOnce reply) {
  take_turn(request, std::move(reply));
}
void Session::on(protocol::Checkpoints& request, ReplyOnce reply) {
  take_turn(request, std::move(reply));
}
void Session::on(protocol::Restore& request, ReplyOnce reply) {
  take_turn(request, std::move(reply));
}
void Session::on(protocol::Undo& request, ReplyOnce reply) { take_turn(request, std::move(reply)); }

void Session::on(runtime::ResetDone& done) {
  parts_.outputs.flush();
  snapshots_.step(std::nullopt, std::nullopt);
  const auto snapshot = offer_snapshot();
  if (snapshot && !options_.survive_fast) {
    held_ = {*snapshot, std::move(done)};
  } else {
    tell(done, true);
    start_next();
  }
}

void Session::tell(runtime::ResetDone& done, bool /*kept*/) {
  in_turn_->answer(protocol::ResetReply{{}, done.threads, done.tasks});
  in_turn_.reset();
}

void Session::on(protocol::OutputGet& request, ReplyOnce reply) {
  const auto stream = static_cast<runtime::Stream>(request.stream);
  auto part = parts_.outputs.spooled(request.execution_count, stream, request.offset, request.size);
  if (!part) {
    return reply.refuse(ErrorCode::kInvalidField,
                        "/execution_count: nothing is kept of that output");
  }
  reply.answer(
      protocol::OutputGetReply{{}, text::base64(part->bytes), request.offset, part->total});
}

void Session::receive(runtime::Event event) {
  const LockAndDeliver lock(*this);
  if (exiting_) return;
  std::visit([this](auto& each) { on(each); }, event);
}

// Holds the reader while too much waits, but for an input() whose answer may stand behind it.
void Session::update_reader() {
  const bool hold = queue_bytes_ > options_.queue_bytes && questions_.empty();
  if (hold == reader_held_) return;
  reader_held_ = hold;
  hold_reader_(hold);
}

}  // namespace replwire::server
