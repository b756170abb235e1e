#include "server/session/inquiry_desk.h"

#include <utility>
#include <variant>

#include "server/session/replies.h"

namespace replwire::server {

// Kept only once it has been put: nobody would answer it otherwise.
template <class Subject>
void InquiryDesk::put(Subject subject, std::size_t size, ReplyOnce reply) {
  const std::uint64_t number = ++last_number_;
  ask_({number, std::move(subject)});
  const std::size_t bytes = sizeof(runtime::Inquiry) + size;
  waiting_.emplace(number, Waiting{std::move(reply), bytes});
  bytes_ += bytes;
}

void InquiryDesk::ask(protocol::Complete& request, ReplyOnce reply) {
  const std::size_t size = request.code.size();
  put(runtime::Complete{std::move(request.code), request.cursor_pos}, size, std::move(reply));
}

void InquiryDesk::ask(protocol::Inspect& request, ReplyOnce reply) {
  const std::size_t size = request.code.size();
  const bool source = request.detail_level.value_or(0) == 1;
  put(runtime::Inspect{std::move(request.code), request.cursor_pos, source}, size,
      std::move(reply));
}

void InquiryDesk::ask(protocol::IsComplete& request, ReplyOnce reply) {
  const std::size_t size = request.code.size();
  put(runtime::IsComplete{std::move(request.code)}, size, std::move(reply));
}

void InquiryDesk::ask(protocol::Variables& request, ReplyOnce reply) {
  std::string prefix = std::move(request.prefix).value_or("");
  const std::size_t size = prefix.size();
  put(runtime::Variables{std::move(prefix), request.offset.value_or(0), request.limit}, size,
      std::move(reply));
}

std::string InquiryDesk::answer(runtime::InquiryReply& told) {
  auto found = waiting_.extract(told.number);
  if (found.empty()) return {};
  ReplyOnce reply = std::move(found.mapped().reply);
  bytes_ -= found.mapped().bytes;
  std::string fault;
  if (!told.fault.empty()) fault.append(reply.type()).append(": ").append(told.fault);
  std::visit([&](auto& answer) { reply.answer(replies::reply(answer)); }, told.answer);
  return fault;
}

void InquiryDesk::clear() {
  while (!waiting_.empty()) waiting_.erase(waiting_.begin());  // in the order in which they came
  bytes_ = 0;
}

}  // namespace replwire::server
