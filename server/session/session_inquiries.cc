// Session's part in inquiries: what a client asks about code.
#include "server/session/session.h"

namespace replwire::server {

using protocol::ErrorCode;

namespace {

template <class Subject>
std::size_t bytes_of(const Subject& subject) {
  return subject.code.size();
}
std::size_t bytes_of(const runtime::Variables& subject) { return subject.prefix.size(); }

std::optional<bool> if_true(bool flag) { return flag ? std::optional(true) : std::nullopt; }

}  // namespace

template <class Request, class Subject>
void Session::inquire(Request& request, Subject subject, std::int64_t line) {
  const std::string type(Request::kType);
  if (shutting_down_) {
    return refuse(ErrorCode::kShuttingDown, type + ": the session is shutting down", request.id,
                  line);
  }
  const std::size_t bytes = sizeof(runtime::Inquiry) + bytes_of(subject);
  queue_bytes_ += bytes;
  const std::uint64_t number = inquiries_.add({std::move(request.id), type, line, bytes});
  parts_.link.ask({number, std::move(subject)});
}

void Session::on(protocol::Complete& request, std::int64_t line) {
  inquire(request, runtime::Complete{std::move(request.code), request.cursor_pos}, line);
}

void Session::on(protocol::Inspect& request, std::int64_t line) {
  const bool source = request.detail_level.value_or(0) == 1;
  inquire(request, runtime::Inspect{std::move(request.code), request.cursor_pos, source}, line);
}

void Session::on(protocol::IsComplete& request, std::int64_t line) {
  inquire(request, runtime::IsComplete{std::move(request.code)}, line);
}

void Session::on(protocol::Variables& request, std::int64_t line) {
  inquire(request,
          runtime::Variables{std::move(request.prefix).value_or(""), request.offset.value_or(0),
                             request.limit},
          line);
}

void Session::on(runtime::InquiryReply& told) {
  auto inquiry = inquiries_.take(told.number);
  if (!inquiry) return;
  queue_bytes_ -= inquiry->bytes;
  update_reader();
  if (!told.fault.empty()) parts_.log.line(inquiry->type + ": " + told.fault);
  std::visit([&](auto& answer) { write_reply(std::move(inquiry->id), answer); }, told.answer);
  if (input_ended_ && !busy()) start_next();
}

void Session::write_reply(protocol::Id id, runtime::Completions& told) {
  protocol::CompleteReply reply = {std::move(id)};
  reply.matches.text = std::move(told.matches);
  reply.cursor_start = told.start;
  reply.cursor_end = told.end;
  reply.metadata.text = std::move(told.metadata);
  reply.partial = if_true(told.partial);
  write(reply);
}

void Session::write_reply(protocol::Id id, runtime::Inspection& told) {
  protocol::InspectReply reply = {std::move(id)};
  reply.found = told.found;
  reply.data.text = std::move(told.data);
  reply.partial = if_true(told.partial);
  write(reply);
}

void Session::write_reply(protocol::Id id, runtime::Completeness& told) {
  write(protocol::IsCompleteReply{std::move(id), std::move(told.status), std::move(told.indent)});
}

void Session::write_reply(protocol::Id id, runtime::VariableList& told) {
  protocol::VariablesReply reply = {std::move(id)};
  reply.total = told.total;
  reply.variables.text = std::move(told.variables);
  reply.partial = if_true(told.partial);
  write(reply);
}

// At the very end: each request has its one answer.
void Session::refuse_inquiries() {
  while (auto inquiry = inquiries_.take_any()) {
    refuse(ErrorCode::kShuttingDown, inquiry->type + ": the session has ended",
           std::move(inquiry->id), inquiry->line);
  }
}

}  // namespace replwire::server
