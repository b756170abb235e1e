// How the session answers input().
#include "server/session/session.h"

#include "server/output/output_frames.h"

namespace replwire::server {
namespace {

using protocol::ErrorCode;
using protocol::InputClosedReason;

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

void Session::on(const runtime::NeedInput& question) {
  if (is_given_up()) return;
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
      running_ && running_->execution->serial == question->execution && deadline_.timed_out();
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

void Session::on(protocol::InputResponse& request, ReplyOnce reply) {
  if (const auto question = questions_.take(request.input_id)) {
    watch_time();
    parts_.link.answer(question->number, answer_of(request));
  } else if (!request.input_id) {
    questions_.keep(answer_of(request));
  } else {
    return reply.refuse(ErrorCode::kUnknownInputId,
                        "/input_id: no input() waits under \"" + *request.input_id + "\"");
  }
  reply.none();
}

void Session::end_input() {
  const LockAndDeliver lock(*this);
  parts_.log.line("standard input ended");
  input_ended_ = true;
  while (const auto question = questions_.take(std::optional<std::string>{})) {
    close_question(*question, InputClosedReason::kEndOfInput);
    parts_.link.answer(question->number, runtime::EndOfFile{});
  }
  if (!busy()) start_next();
}

}  // namespace replwire::server
