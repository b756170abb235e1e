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

protocol::CompleteReply reply_of(runtime::Completions& told) {
  protocol::CompleteReply reply = {};
  reply.matches.text = std::move(told.matches);
  reply.cursor_start = told.start;
  reply.cursor_end = told.end;
  reply.metadata.text = std::move(told.metadata);
  reply.partial = if_true(told.partial);
  return reply;
}

protocol::InspectReply reply_of(runtime::Inspection& told) {
  protocol::InspectReply reply = {};
  reply.found = told.found;
  reply.data.text = std::move(told.data);
  reply.partial = if_true(told.partial);
  return reply;
}

protocol::IsCompleteReply reply_of(runtime::Completeness& told) {
  return {{}, std::move(told.status), std::move(told.indent)};
}

protocol::VariablesReply reply_of(runtime::VariableList& told) {
  protocol::VariablesReply reply = {};
  reply.total = told.total;
  reply.variables.text = std::move(told.variables);
  reply.partial = if_true(told.partial);
  return reply;
}

}  // namespace

template <class Subject>
void Session::inquire(ReplyOnce reply, Subject subject) {
  if (shutting_down_) {
    return reply.refuse(ErrorCode::kShuttingDown, "the session is shutting down");
  }
  const std::size_t bytes = sizeof(runtime::Inquiry) + bytes_of(subject);
  const std::uint64_t number = inquiries_.new_number();
  parts_.link.ask({number, std::move(subject)});
  inquiries_.add(number, {std::move(reply), bytes});
  queue_bytes_ += bytes;
}

void Session::on(protocol::Complete& request, ReplyOnce reply) {
  inquire(std::move(reply), runtime::Complete{std::move(request.code), request.cursor_pos});
}

void Session::on(protocol::Inspect& request, ReplyOnce reply) {
  const bool source = request.detail_level.value_or(0) == 1;
  inquire(std::move(reply), runtime::Inspect{std::move(request.code), request.cursor_pos, source});
}

void Session::on(protocol::IsComplete& request, ReplyOnce reply) {
  inquire(std::move(reply), runtime::IsComplete{std::move(request.code)});
}

void Session::on(protocol::Variables& request, ReplyOnce reply) {
  inquire(std::move(reply), runtime::Variables{std::move(request.prefix).value_or(""),
                                               request.offset.value_or(0), request.limit});
}

void Session::on(runtime::InquiryReply& told) {
  auto inquiry = inquiries_.take(told.number);
  if (!inquiry) return;
  queue_bytes_ -= inquiry->bytes;
  update_reader();
  if (!told.fault.empty()) {
    parts_.log.line(std::string(inquiry->reply.type()) + ": " + told.fault);
  }
  std::visit([&](auto& answer) { inquiry->reply.answer(reply_of(answer)); }, told.answer);
  if (input_ended_ && !busy()) start_next();
}

}  // namespace replwire::server
