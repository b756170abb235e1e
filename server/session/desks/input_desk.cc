#include "server/session/desks/input_desk.h"

#include <algorithm>

namespace replwire::server {
namespace {

using protocol::CallClosedReason;
using protocol::ErrorCode;
using protocol::InputClosedReason;
using runtime::Unanswered;

runtime::Answer answer_of(protocol::InputResponse& response) {
  if (response.data) {
    std::string text = *std::move(response.data);
    if (text.ends_with('\n')) text.pop_back();
    return runtime::Line{std::move(text)};
  }
  if (response.error) return runtime::Refusal{*std::move(response.error)};
  return runtime::EndOfFile{};
}

std::size_t bytes_of(const runtime::Answer& answer) {
  const auto* line = std::get_if<runtime::Line>(&answer);
  const auto* refusal = std::get_if<runtime::Refusal>(&answer);
  return sizeof answer + (line != nullptr ? line->text.size() : 0) +
         (refusal != nullptr ? refusal->message.size() : 0);
}

runtime::Answer answer_of(protocol::CallResponse& response) {
  if (response.data) return runtime::Data{std::move(response.data->text)};
  return runtime::CallFailure{std::move(response.error->type), std::move(response.error->message)};
}

}  // namespace

void InputDesk::open() {
  if (state_ == State::kNotOpen) state_ = State::kOpen;
}

void InputDesk::hold() {
  if (state_ == State::kOpen) state_ = State::kNotOpen;
}

void InputDesk::ask(const runtime::NeedInput& question, RunningExecution* running) {
  if (auto answer = at_hand(question, running)) {
    return deliver_(question.number, *std::move(answer));
  }
  const Kind kind = question.call ? Kind::kCall : Kind::kInput;
  const bool runs = running != nullptr && question.execution == running->execution();
  const std::string id = (question.call ? "call-" : "input-") + std::to_string(++last_id_);
  waiting_.push_back({id, question.number, question.execution ? question.execution->serial : 0,
                      question.worker, kind, runs ? running->interrupts() : 0});
  if (question.call) {
    frames_.write(replies::call(question, id));
  } else {
    frames_.write(replies::event(question, id));
  }
}

std::optional<runtime::Answer> InputDesk::at_hand(const runtime::NeedInput& question,
                                                  RunningExecution* running) {
  if (state_ == State::kNotOpen) {
    return runtime::Refusal{question.call ? "cannot be called before the session has started"
                                          : "input() cannot ask before the session has started"};
  }
  if (question.call) {
    return state_ == State::kClosed ? std::optional(runtime::EndOfFile{}) : std::nullopt;
  }
  if (running != nullptr && question.execution == running->execution()) {
    if (auto input = running->next_input()) return runtime::Line{*std::move(input)};
  }
  if (!question.password && !ahead_.empty()) {
    runtime::Answer answer = std::move(ahead_.front());
    ahead_.pop_front();
    ahead_bytes_ -= bytes_of(answer);
    return answer;
  }
  const auto unanswered = question.execution ? question.execution->unanswered : Unanswered::kAsk;
  if (unanswered == Unanswered::kError) {
    return runtime::Refusal{"input() was called, and the execution's on_input is \"error\""};
  }
  if (unanswered == Unanswered::kEof || state_ == State::kClosed) return runtime::EndOfFile{};
  return std::nullopt;
}

void InputDesk::respond(protocol::InputResponse& response, ReplyOnce reply) {
  if (const auto question = take(response.input_id, Kind::kInput)) {
    deliver_(question->number, answer_of(response));
  } else if (!response.input_id) {
    return keep(answer_of(response), reply);
  } else {
    return reply.refuse(ErrorCode::kUnknownInputId,
                        "/input_id: no input() waits under \"" + *response.input_id + "\"");
  }
  reply.none();
}

// One alone is kept however long it is.
void InputDesk::keep(runtime::Answer answer, ReplyOnce& reply) {
  const std::size_t bytes = bytes_of(answer);
  if (!ahead_.empty() && ahead_bytes_ + bytes > most_ahead_) {
    return reply.refuse(ErrorCode::kQueueFull, "answers that came ahead hold " +
                                                   std::to_string(ahead_bytes_) + " bytes already");
  }
  ahead_bytes_ += bytes;
  ahead_.push_back(std::move(answer));
  reply.none();
}

void InputDesk::respond(protocol::CallResponse& response, ReplyOnce reply) {
  if (response.data && response.data->text.size() > runtime::kCallBytes) {
    return reply.refuse(ErrorCode::kInvalidField, "/data: has more than limits.call_bytes, " +
                                                      std::to_string(runtime::kCallBytes));
  }
  const auto question = take(response.call_id, Kind::kCall);
  if (!question) {
    return reply.refuse(ErrorCode::kUnknownCallId,
                        "/call_id: no call waits under \"" + response.call_id + "\"");
  }
  deliver_(question->number, answer_of(response));
  reply.none();
}

std::uint64_t InputDesk::execution_of(std::uint64_t number) const {
  const auto found = std::ranges::find(waiting_, number, &Question::number);
  return found != waiting_.end() ? found->execution : 0;
}

void InputDesk::withdraw(std::uint64_t number, InputClosedReason reason) {
  const auto question = take(std::ranges::find(waiting_, number, &Question::number));
  if (question) close(*question, reason);
}

void InputDesk::cancel(std::uint64_t number, const RunningExecution* running) {
  const auto question = take(std::ranges::find(waiting_, number, &Question::number));
  if (!question) return;
  const bool interrupted = running != nullptr && question->execution == running->serial() &&
                           running->interrupts() > question->interrupts;
  close(*question, interrupted ? CallClosedReason::kInterrupt : CallClosedReason::kCancelled);
}

void InputDesk::withdraw_all(InputClosedReason reason) {
  while (const auto question = take(waiting_.begin())) close(*question, reason);
}

void InputDesk::refuse_all(InputClosedReason reason) {
  while (const auto question = take(waiting_.begin())) {
    close(*question, reason);
    deliver_(question->number, runtime::EndOfFile{});
  }
}

void InputDesk::refuse_threads(InputClosedReason reason) {
  while (const auto question = take(std::ranges::find(waiting_, false, &Question::worker))) {
    close(*question, reason);
    deliver_(question->number, runtime::EndOfFile{});
  }
}

void InputDesk::close(const Question& question, CallClosedReason reason) {
  if (question.kind == Kind::kCall) return frames_.write(protocol::CallClosed{question.id, reason});
  frames_.write(protocol::InputClosed{question.id, static_cast<InputClosedReason>(reason)});
}

// The one that `id` names, or the oldest.
std::optional<InputDesk::Question> InputDesk::take(const std::optional<std::string>& id,
                                                   Kind kind) {
  return take(std::ranges::find_if(waiting_, [&](const Question& each) {
    return each.kind == kind && (!id || each.id == *id);
  }));
}

std::optional<InputDesk::Question> InputDesk::take(Questions::iterator found) {
  if (found == waiting_.end()) return std::nullopt;
  Question taken = std::move(*found);
  waiting_.erase(found);
  return taken;
}

std::vector<std::string> InputDesk::ids(Kind kind) const {
  std::vector<std::string> ids;
  for (const Question& question : waiting_) {
    if (question.kind == kind) ids.push_back(question.id);
  }
  return ids;
}

bool InputDesk::waits_for(std::uint64_t execution) const {
  return std::ranges::find(waiting_, execution, &Question::execution) != waiting_.end();
}

bool InputDesk::waits_for(std::uint64_t execution, Kind kind) const {
  return std::ranges::any_of(waiting_, [&](const Question& each) {
    return each.execution == execution && each.kind == kind;
  });
}

}  // namespace replwire::server
