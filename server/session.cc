#include "server/session.h"

#include <unistd.h>

#include <csignal>

#include "protocol/encoder.h"
#include "runtime/interrupts.h"
#include "server/base64.h"
#include "server/descendants.h"
#include "server/last_words.h"
#include "server/output_frames.h"
#include "server/process_facts.h"

namespace replwire::server {
namespace {

using protocol::ErrorCode;
using protocol::ErrorReason;
using protocol::InputClosedReason;
using protocol::InterruptOutcome;
using std::chrono::milliseconds;

constexpr milliseconds kShutdownGrace{1000};
constexpr milliseconds kExitHandlers{1000};
constexpr milliseconds kLastChance{200};      // for processes that the session started
constexpr int kPatience = 5000;               // milliseconds; for a client that takes nothing
constexpr int kBetweenTwoEnds = 50;           // milliseconds
constexpr int kBroken = 70;                   // exit status
constexpr double kGrace = 2;                  // seconds
constexpr milliseconds kSystemClockStep{10};  // of what /proc says of a process's start
constexpr milliseconds kFirstNudge{4};
constexpr milliseconds kLastNudge{512};

std::string json_of(const protocol::Id& id) {
  std::string json;
  protocol::append_json(json, id);
  return json;
}

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

Ladder::Duration duration(double seconds) {
  return std::chrono::duration_cast<Ladder::Duration>(std::chrono::duration<double>(seconds));
}

std::optional<Ladder::Duration> timeout_of(const protocol::Execute& request,
                                           const Options& options) {
  const double timeout = request.timeout.value_or(options.timeout);
  return timeout > 0 ? std::optional(duration(timeout)) : std::nullopt;
}

std::optional<std::vector<protocol::StackEntry>> stack_of(const WorkerStack::Outcome& outcome) {
  const auto* frames = std::get_if<runtime::stack_dump::Frames>(&outcome);
  if (frames == nullptr) return std::nullopt;
  std::vector<protocol::StackEntry> stack;
  for (const auto& [filename, line, function] : *frames)
    stack.push_back({filename, line, function});
  return stack;
}

// As the interpreter prints one.
std::string text_of(const std::optional<std::vector<protocol::StackEntry>>& stack) {
  if (!stack) return {};
  std::string text = "Stack (most recent call last):\n";
  for (const auto& [filename, line, function] : *stack) {
    text += "  File \"" + filename + "\", line " + std::to_string(line) + ", in " + function + "\n";
  }
  return text;
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

runtime::Answer answer_of(protocol::InputResponse& response) {
  if (response.data) {
    std::string text = *std::move(response.data);
    if (text.ends_with('\n')) text.pop_back();
    return runtime::Line{std::move(text)};
  }
  if (response.error) return runtime::Refusal{*std::move(response.error)};
  return runtime::EndOfFile{};
}

}  // namespace

Session::Session(const Parts& parts, const Options& options, std::function<void(bool)> hold_reader)
    : parts_(parts),
      options_(options),
      hold_reader_(std::move(hold_reader)),
      alarm_(parts.io, [this] { climb(); }),
      ending_(parts.io),
      nudging_(parts.io) {}

void Session::open(const protocol::Ready& ready) {
  const Turn turn(*this);
  write(ready);
  opened_ = true;
  parts_.outputs.open();
  if (shutting_down_ || input_ended_) stop_when_idle();
}

void Session::take(std::vector<Incoming> frames) {
  const Turn turn(*this);
  if (exiting_) return;
  for (Incoming& incoming : frames) {
    if (auto* error = std::get_if<protocol::ProtocolError>(&incoming.frame)) {
      write(*error);
      continue;
    }
    std::visit([&](auto& request) { on(request, incoming.line); },
               std::get<protocol::Request>(incoming.frame));
  }
  update_reader();
}

// ---- executions -----------------------------------------------------------------------------

void Session::on(protocol::Execute& request, std::int64_t line) {
  std::string id = request.id ? json_of(*request.id) : invent_id();
  if (shutting_down_) {
    return refuse(ErrorCode::kShuttingDown, "execute: the session is shutting down", request.id,
                  line);
  }
  if (id_in_use(id)) {
    return refuse(ErrorCode::kDuplicateId, "execute: /id: " + id + " is in use", request.id, line);
  }
  if (options_.queue_limit && busy() && queue_.size() >= *options_.queue_limit) {
    return refuse(ErrorCode::kQueueFull,
                  "execute: " + std::to_string(*options_.queue_limit) + " executions wait already",
                  request.id, line);
  }
  if (!request.id) request.id = id.substr(1, id.size() - 2);
  const std::size_t bytes = bytes_of(request);
  queue_bytes_ += bytes;
  queue_.push_back({std::move(request), std::move(id), bytes});
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
  if (queue_.empty()) {
    if (shutting_down_ || (input_ended_ && inquiries_.empty())) stop_when_idle();
    return;
  }
  Queued next = unqueue(queue_.begin());
  if (auto* execute = std::get_if<protocol::Execute>(&next.request)) {
    start(std::move(*execute), std::move(next.id));
  } else {
    resetting_ = std::get<protocol::Reset>(next.request).id;
    parts_.link.post(runtime::Reset{});
  }
  update_reader();
}

void Session::start(protocol::Execute&& request, std::string id) {
  const bool silent = request.silent.value_or(false);
  const auto count = silent ? std::nullopt : std::optional<std::int64_t>(++last_count_);
  auto execution = std::make_shared<const runtime::Execution>(
      runtime::Execution{++last_serial_, std::move(id), count, unanswered(request)});
  auto inputs = std::move(request.inputs).value_or(std::vector<std::string>{});
  const Clock::time_point now = Clock::now();
  running_ =
      Running{execution,
              *std::move(request.id),
              {std::make_move_iterator(inputs.begin()), std::make_move_iterator(inputs.end())},
              now,
              children_of_others(now),
              request.timeout_includes_input.value_or(false),
              request.stop_on_error.value_or(false)};
  ladder_.begin(timeout_of(request, options_), duration(request.grace.value_or(kGrace)), now);
  watch_time();
  auto output_limit = options_.output_limit;
  if (request.output_limit) output_limit = static_cast<std::size_t>(*request.output_limit);
  parts_.outputs.set_running(execution, output_limit);
  const auto limit = static_cast<std::size_t>(request.repr_limit.value_or(runtime::kReprBytes));
  parts_.link.post(runtime::Run{std::move(execution), std::move(request.code),
                                std::move(request.filename), request.first_line.value_or(1),
                                std::min(limit, runtime::kReprBytes), silent});
}

void Session::on(runtime::Done& done) {
  parts_.outputs.flush();
  // Before the client can know: what dies from here on dies at rest.
  parts_.outputs.set_running(nullptr, std::nullopt);
  const double time = seconds(done.time);
  if (const auto* completed = std::get_if<runtime::Completed>(&done.outcome)) {
    write_result(*completed, time);
  } else if (const auto* raised = std::get_if<runtime::Raised>(&done.outcome)) {
    write_error(ErrorReason::kException, raised->report, time, std::nullopt);
  } else if (const auto* interrupted = std::get_if<runtime::Interrupted>(&done.outcome)) {
    const auto reason = ladder_.timed_out() ? ErrorReason::kTimeout : ErrorReason::kInterrupt;
    write_error(reason, interrupted->report, time, std::nullopt);
  } else if (const auto* memory = std::get_if<runtime::OutOfMemory>(&done.outcome)) {
    write_error(ErrorReason::kMemory, memory->report, time, std::nullopt);
  } else if (const auto* exited = std::get_if<runtime::Exited>(&done.outcome)) {
    write_error(ErrorReason::kExit, exited->report, time, exited->exit_code);
  }
  const bool failed = !std::holds_alternative<runtime::Completed>(done.outcome);
  const bool stop = running_->stop_on_error;
  running_.reset();
  last_end_ = Clock::now();
  if (ladder_.active()) alarm_.cancel();
  ladder_.end();
  if (failed && options_.stop_on_error) aborting_ = true;
  if (failed && (stop || aborting_)) end_all_queued(ErrorReason::kAborted);
  start_next();
}

std::optional<std::int64_t> Session::inputs_unused() const {
  if (running_->inputs.empty()) return std::nullopt;
  return static_cast<std::int64_t>(running_->inputs.size());
}

void Session::write_result(const runtime::Completed& completed, double seconds) {
  protocol::Result result = {};
  result.execution_id = running_->id;
  result.execution_count = running_->execution->count;
  result.repr = completed.repr;
  if (completed.value) result.value = protocol::JsonOf<protocol::AnyValue>{*completed.value};
  if (completed.display)
    result.display = protocol::JsonOf<protocol::DisplayData>{*completed.display};
  result.repr_truncated = completed.repr_characters;
  result.inputs_unused = inputs_unused();
  if (running_->interrupts > 0) result.interrupts = running_->interrupts;
  result.execution_time = seconds;
  write(result);
}

void Session::write_error(ErrorReason reason, const runtime::Report& report, double seconds,
                          std::optional<std::string> exit_code) {
  failed_ = true;
  protocol::Error error = {};
  error.execution_id = running_->id;
  error.execution_count = running_->execution->count;
  error.reason = reason;
  error.exception_type = report.type;
  error.exception_message = report.message;
  error.traceback = report.traceback;
  error.frames.text = report.frames;
  if (report.notes) error.notes = protocol::JsonOf<protocol::Notes>{*report.notes};
  if (report.causes) error.causes = protocol::JsonOf<protocol::Causes>{*report.causes};
  if (exit_code) error.exit_code = protocol::JsonOf<protocol::ExitCode>{*std::move(exit_code)};
  error.inputs_unused = inputs_unused();
  error.execution_time = seconds;
  write(error);
}

void Session::end_queued(Queue::iterator queued, ErrorReason reason) {
  failed_ = true;
  Queued taken = unqueue(queued);
  protocol::Error error = {};
  error.execution_id = *std::get<protocol::Execute>(taken.request).id;
  error.reason = reason;
  write(error);
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

// ---- input ----------------------------------------------------------------------------------

void Session::on(const runtime::NeedInput& question) {
  parts_.outputs.flush();
  if (auto answer = answer_at_hand(question)) {
    return parts_.link.answer(question.number, *std::move(answer));
  }
  const Questions::Waiting& waiting = questions_.add(question);
  protocol::Input frame = {};
  frame.id = waiting.id;
  frame.execution_id = id_of(question.execution);
  frame.prompt = question.prompt;
  frame.password = question.password;
  write(frame);
  update_reader();
  watch_time();
}

std::optional<runtime::Answer> Session::answer_at_hand(const runtime::NeedInput& question) {
  if (!opened_) return runtime::Refusal{"input() cannot ask before the session has started"};
  const bool from_running = running_ && question.execution == running_->execution;
  if (from_running && !running_->inputs.empty()) {
    runtime::Answer answer = runtime::Line{std::move(running_->inputs.front())};
    running_->inputs.pop_front();
    return answer;
  }
  if (!question.password) {
    if (auto answer = questions_.take_ahead()) return answer;
  }
  const auto unanswered =
      question.execution ? question.execution->unanswered : runtime::Unanswered::kAsk;
  if (unanswered == runtime::Unanswered::kError) {
    return runtime::Refusal{"input() was called, and the execution's on_input is \"error\""};
  }
  if (unanswered == runtime::Unanswered::kEof || input_ended_ || shutting_down_) {
    return runtime::EndOfFile{};
  }
  return std::nullopt;
}

void Session::on(const runtime::InputWithdrawn& withdrawn) {
  const auto question = questions_.take(withdrawn.number);
  if (!question) return;
  const bool timed_out =
      running_ && running_->execution->serial == question->execution && ladder_.timed_out();
  close_question(*question, shutting_down_ ? InputClosedReason::kShutdown
                            : timed_out    ? InputClosedReason::kTimeout
                                           : InputClosedReason::kInterrupt);
}

void Session::close_question(const Questions::Waiting& question, InputClosedReason reason) {
  write(protocol::InputClosed{question.id, reason});
  update_reader();
  watch_time();
}

// The worker's own question ends with the interrupt; the others must not keep their threads.
void Session::close_threads_questions() {
  while (const auto question = questions_.take_thread()) {
    close_question(*question, InputClosedReason::kShutdown);
    parts_.link.answer(question->number, runtime::EndOfFile{});
  }
}

void Session::on(protocol::InputResponse& request, std::int64_t line) {
  if (const auto question = questions_.take(request.input_id)) {
    watch_time();
    return parts_.link.answer(question->number, answer_of(request));
  }
  if (!request.input_id) return questions_.keep(answer_of(request));
  refuse(ErrorCode::kUnknownInputId,
         "input_response: /input_id: no input() waits under \"" + *request.input_id + "\"",
         request.id, line);
}

void Session::end_input() {
  const Turn turn(*this);
  parts_.log.line("standard input ended");
  input_ended_ = true;
  while (const auto question = questions_.take(std::optional<std::string>{})) {
    close_question(*question, InputClosedReason::kEndOfInput);
    parts_.link.answer(question->number, runtime::EndOfFile{});
  }
  if (!busy()) start_next();
}

// ---- interrupts -----------------------------------------------------------------------------

void Session::on(protocol::Interrupt& request, std::int64_t /*line*/) {
  protocol::InterruptReply reply = {request.id, request.execution_id,
                                    InterruptOutcome::kNotRunning};
  const std::string id = request.execution_id ? json_of(*request.execution_id) : "";
  const auto queued = queued_ids_.find(id);
  if (queued != queued_ids_.end()) {
    reply.outcome = InterruptOutcome::kDequeued;
    write(reply);
    return end_queued(queued->second, ErrorReason::kCancelled);
  }
  const bool running = running_ && (!request.execution_id || running_->execution->id == id);
  if (running) {
    reply.execution_id = running_->id;
    reply.outcome = InterruptOutcome::kDelivered;
  }
  // A task that runs at rest.
  const std::uint64_t task = running_ || request.execution_id ? 0 : parts_.link.busy_at_rest();
  if (task != 0) reply.outcome = InterruptOutcome::kDelivered;
  write(reply);
  if (task != 0) interrupt_at_rest(task);
  if (!running) return;
  interrupt_running();
  if (!request.grace) return;
  ladder_.climb(duration(*request.grace), Clock::now());
  watch_time();
}

// The worker first: code that waits for a child must not see it gone and go on.
void Session::interrupt_running(bool descendants_too) {
  ++running_->interrupts;
  parts_.link.interrupt(running_->execution->serial);
  nudge_later(running_->execution->serial, kFirstNudge);
  if (descendants_too) signal_descendants(SIGINT);
}

// With the lock held: what the next execution starts must not be met.
void Session::signal_descendants(int number) const {
  if (has_children()) Descendants::find_since(running_->started, running_->earlier).signal(number);
}

// Children that the execution which starts now might be taken to have started: only when one has
// just ended, and left some.
std::vector<pid_t> Session::children_of_others(Clock::time_point now) const {
  const bool close = now - last_end_ <= kSystemClockStep;
  return close && has_children() ? own_children() : std::vector<pid_t>();
}

void Session::interrupt_at_rest(std::uint64_t target) {
  parts_.link.interrupt(target);
  nudge_later(target, kFirstNudge);
}

// A signal that comes just before a system call does not end it; the next one does, and does
// nothing else.
void Session::nudge_later(std::uint64_t serial, milliseconds delay) {
  nudging_.expires_after(delay);
  nudging_.async_wait([this, serial, delay](const boost::system::error_code& error) {
    const Turn turn(*this);
    if (error) return;
    const bool running = running_ && running_->execution->serial == serial;
    if (!running && !runtime::interrupts::is_at_rest(serial)) return;
    parts_.link.nudge();
    if (delay < kLastNudge) nudge_later(serial, delay * 2);
  });
}

void Session::interrupt_from_outside(std::uint64_t serial, bool by_terminal) {
  const Turn turn(*this);
  if (running_ && running_->execution->serial == serial) return interrupt_running(!by_terminal);
  if (runtime::interrupts::is_at_rest(serial)) interrupt_at_rest(serial);
}

// ---- deadlines ------------------------------------------------------------------------------

bool Session::pauses_for_input() const {
  return !running_->timeout_includes_input && questions_.waits_for(running_->execution->serial);
}

// After whatever may have moved the time at which something is due.
void Session::watch_time() {
  if (!running_ || !ladder_.active()) return;
  pauses_for_input() ? ladder_.pause(Clock::now()) : ladder_.resume(Clock::now());
  ladder_.due() ? alarm_.set(*ladder_.due()) : alarm_.cancel();
}

void Session::climb() {
  const Turn turn(*this);
  if (!running_) return;
  if (const auto rung = ladder_.step(Clock::now())) act(*rung);
  watch_time();
}

void Session::act(Ladder::Rung rung) {
  switch (rung) {
    case Ladder::Rung::kInterrupt:
      return interrupt_running();
    case Ladder::Rung::kInsist:
      interrupt_running(false);
      return signal_descendants(SIGTERM);
    case Ladder::Rung::kStuck:
      return parts_.stack.take(
          [this, serial = running_->execution->serial](const WorkerStack::Outcome& outcome) {
            const Turn turn(*this);
            // Or it has ended in the very last moment.
            if (running_ && running_->execution->serial == serial) stuck(outcome);
          });
  }
}

void Session::stuck(const WorkerStack::Outcome& outcome) {
  const auto stack = stack_of(outcome);
  if (options_.on_stuck == "exit") {
    signal_descendants(SIGKILL);  // nothing of the execution is left behind
    die("timeout", text_of(stack), kBroken);
  }
  write(protocol::Stuck{running_->id, seconds(Clock::now() - running_->started), stack});
}

// ---- the rest -------------------------------------------------------------------------------

void Session::on(protocol::Status& request, std::int64_t /*line*/) {
  if (!request.stack.value_or(false)) {
    protocol::StatusReply reply = {};
    reply.id = std::move(request.id);
    fill(reply);
    return write(reply);
  }
  stack_asked_.push_back(std::move(request.id));
  parts_.stack.take([this](const WorkerStack::Outcome& outcome) {
    const Turn turn(*this);
    if (!exiting_) reply_with(outcome);
  });
}

// To the oldest status that asked for a stack: their answers come in order.
void Session::reply_with(const WorkerStack::Outcome& outcome) {
  protocol::StatusReply reply = {};
  reply.id = std::move(stack_asked_.front());
  stack_asked_.pop_front();
  fill(reply);
  reply.stack = stack_of(outcome);
  if (!reply.stack) reply.stack_unavailable = std::get<const char*>(outcome);
  write(reply);
}

// A client that reads nothing is not buried in them.
void Session::beat() {
  const Turn turn(*this);
  if (exiting_ || !parts_.outputs.has_room()) return;
  protocol::Heartbeat heartbeat = {};
  fill(heartbeat);
  write(heartbeat);
}

void Session::fill(protocol::SessionFacts& facts) const {
  if (running_) {
    const bool waits = questions_.waits_for(running_->execution->serial);
    facts.state = waits ? protocol::State::kWaitingForInput : protocol::State::kBusy;
    facts.execution_id = running_->id;
    facts.elapsed = seconds(Clock::now() - running_->started);
  } else if (resetting_) {
    facts.state = protocol::State::kBusy;
  }
  facts.queued = static_cast<std::int64_t>(queue_.size());
  facts.pending_inputs = questions_.ids();
  facts.memory_usage = resident_bytes();
  facts.cpu_seconds = cpu_seconds();
}

void Session::on(protocol::Reset& request, std::int64_t line) {
  if (shutting_down_) {
    return refuse(ErrorCode::kShuttingDown, "reset: the session is shutting down", request.id,
                  line);
  }
  queue_bytes_ += sizeof(Queued);
  queue_.push_back({std::move(request), {}, sizeof(Queued)});
  if (!busy()) start_next();
}

void Session::on(const runtime::ResetDone& done) {
  parts_.outputs.flush();
  write(protocol::ResetReply{*std::move(resetting_), done.threads, done.tasks});
  resetting_.reset();
  start_next();
}

void Session::on(protocol::Shutdown& request, std::int64_t /*line*/) {
  shut_down(std::move(request.id));
}

void Session::on(protocol::OutputGet& request, std::int64_t line) {
  const auto stream = static_cast<runtime::Stream>(request.stream);
  auto part = parts_.outputs.spooled(request.execution_count, stream, request.offset, request.size);
  if (!part) {
    return refuse(ErrorCode::kInvalidField,
                  "output_get: /execution_count: nothing is kept of that output", request.id, line);
  }
  write(protocol::OutputGetReply{std::move(request.id), base64(part->bytes), request.offset,
                                 part->total});
}

void Session::on(const runtime::Exiting& exiting) {
  die("exit", exiting.traceback, exiting.status);
}

void Session::die(std::string_view reason, std::string_view traceback, int status) {
  parts_.outputs.close();
  protocol::Fatal fatal = {};
  fatal.reason = reason;
  fatal.exit_status = status;
  if (running_) fatal.execution_id = id_of(running_->execution);
  fatal.traceback = traceback;
  write(fatal);
  parts_.writer.drain(kPatience);
  ::_exit(status);
}

void Session::refuse(ErrorCode code, std::string message, std::optional<protocol::Id> id,
                     std::int64_t line) {
  write(protocol::ProtocolError{code, std::move(message), std::move(id), line});
}

void Session::receive(runtime::Event event) {
  const Turn turn(*this);
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

// ---- the end --------------------------------------------------------------------------------

void Session::shut_down_from_outside() {
  const Turn turn(*this);
  shut_down(std::nullopt);
}

void Session::shut_down(std::optional<protocol::Id> id) {
  if (!reply_ || !reply_->id) reply_ = protocol::ShutdownReply{std::move(id)};
  if (shutting_down_) return;
  parts_.log.line("shutting down");
  shutting_down_ = true;
  parts_.outputs.lift_limit();
  asio::post(parts_.io, [this] { parts_.outputs.room_again(); });
  end_all_queued(ErrorReason::kCancelled);
  close_threads_questions();
  if (!busy()) {
    if (const std::uint64_t task = parts_.link.busy_at_rest()) interrupt_at_rest(task);
    return start_next();
  }
  if (running_) interrupt_running();
  ending_.expires_after(kShutdownGrace);
  ending_.async_wait([this](const boost::system::error_code& error) {
    if (!error) finish();
  });
}

// The interpreter comes to its end: atexit handlers run, for a limited time when the client asked
// for the end.
void Session::stop_when_idle() {
  if (!opened_ || stopping_) return;
  stopping_ = true;
  parts_.link.post(runtime::Stop{});
  if (!shutting_down_) return;
  ending_.expires_after(kExitHandlers);
  ending_.async_wait([this](const boost::system::error_code& error) {
    if (!error) finish();
  });
}

void Session::finish() {
  const Turn turn(*this);
  if (exiting_) return;
  exiting_ = true;
  parts_.outputs.lift_limit();
  parts_.outputs.close();
  while (const auto question = questions_.take(std::optional<std::string>{})) {
    close_question(*question, InputClosedReason::kShutdown);
  }
  if (running_)
    write_error(ErrorReason::kCancelled, {}, seconds(Clock::now() - running_->started),
                std::nullopt);
  while (!stack_asked_.empty()) reply_with("the session has ended");
  refuse_inquiries();
  if (reply_) write(*reply_);
  asio::post(parts_.io, [this] { end_if_sent(); });
}

void Session::drained() {
  parts_.outputs.room_again();
  end_if_sent();
}

void Session::end_if_sent() {
  const Turn turn(*this);
  if (!exiting_) return;
  if (parts_.writer.pending() == 0) {
    // A client that died closed its two ends one after the other: this may be the second.
    if (!reply_ && !Descendants::find().empty() && parts_.writer.reader_gone(kBetweenTwoEnds)) {
      client_gone();
    }
    parts_.log.line("the end");
    ::_exit(options_.fail_on_error && failed_ ? 1 : 0);
  }
}

void Session::descriptors_gone() {
  last_words::die("the server's own descriptors were closed", kBroken);
}

// Nobody is left to tell anything; what the session started goes with it.
void Session::client_gone() {
  parts_.log.line("the client is gone");
  const Descendants descendants = Descendants::find();
  descendants.signal(SIGTERM);
  descendants.wait(kLastChance);
  descendants.signal(SIGKILL);
  ::_exit(0);
}

}  // namespace replwire::server
