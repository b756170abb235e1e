#include "server/session/desks/inquiry_desk.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>
#include <variant>

#include "server/session/replies.h"

namespace replwire::server {

namespace {

// So that the interpreter need not wait for the next one.
constexpr std::size_t kMostAtOnce = 4;
// What it costs to keep one here and on its way, beside its text.
constexpr std::size_t kOverhead = 512;
// Where a debugger listens.
constexpr const char* kLocalhost = "127.0.0.1";

}  // namespace

template <class Subject>
void InquiryDesk::add(Subject subject, std::size_t size, ReplyOnce reply) {
  const std::uint64_t number = ++last_number_;
  const std::size_t bytes = kOverhead + size;
  waiting_.emplace(number,
                   Waiting{std::move(reply), bytes, runtime::Inquiry{number, std::move(subject)}});
  bytes_ += bytes;
  if (waiting_.size() == in_hand_ + 1 && may_put()) put(std::prev(waiting_.end()));
}

bool InquiryDesk::may_put() const { return in_hand_ < kMostAtOnce && has_room_(); }

// Nobody would answer one that was not put: it is refused.
void InquiryDesk::put(All::iterator next) try {
  ask_(*std::exchange(next->second.inquiry, std::nullopt));
  ++in_hand_;
} catch (...) {
  take(next);
  throw;
}

void InquiryDesk::go_on() {
  while (in_hand_ < waiting_.size() && may_put()) {
    const auto next = std::ranges::find_if(
        waiting_, [](const auto& each) { return each.second.inquiry.has_value(); });
    try {
      put(next);
    } catch (const std::exception&) {
      continue;
    }
  }
}

InquiryDesk::Waiting InquiryDesk::take(All::iterator found) {
  bytes_ -= found->second.bytes;
  return std::move(waiting_.extract(found).mapped());
}

void InquiryDesk::ask(protocol::Complete& request, ReplyOnce reply) {
  const std::size_t size = request.code.size();
  add(runtime::Complete{std::move(request.code), request.cursor_pos}, size, std::move(reply));
}

void InquiryDesk::ask(protocol::Inspect& request, ReplyOnce reply) {
  const std::size_t size = request.code.size();
  const bool source = request.detail_level.value_or(0) == 1;
  add(runtime::Inspect{std::move(request.code), request.cursor_pos, source}, size,
      std::move(reply));
}

void InquiryDesk::ask(protocol::IsComplete& request, ReplyOnce reply) {
  const std::size_t size = request.code.size();
  add(runtime::IsComplete{std::move(request.code)}, size, std::move(reply));
}

void InquiryDesk::ask(protocol::Variables& request, ReplyOnce reply) {
  std::string prefix = std::move(request.prefix).value_or("");
  std::size_t size = prefix.size();
  std::vector<runtime::PathStep> path =
      std::move(request.path).value_or(std::vector<protocol::Id>());
  for (const auto& step : path) {
    const auto* name = std::get_if<std::string>(&step);
    size += sizeof(step) + (name != nullptr ? name->size() : 0);
  }
  add(runtime::Variables{std::move(prefix), request.offset.value_or(0), request.limit,
                         std::move(path)},
      size, std::move(reply));
}

void InquiryDesk::ask(protocol::Debug& request, ReplyOnce reply) {
  std::string host = std::move(request.host).value_or(kLocalhost);
  const std::size_t size = host.size();
  add(runtime::Debug{std::move(host), request.port.value_or(0)}, size, std::move(reply));
}

std::string InquiryDesk::answer(runtime::InquiryReply& told) {
  const auto found = waiting_.find(told.number);
  if (found == waiting_.end()) return {};
  ReplyOnce reply = take(found).reply;
  --in_hand_;
  std::string fault;
  if (!told.fault.empty()) fault.append(reply.type()).append(": ").append(told.fault);
  const auto* list = std::get_if<runtime::VariableList>(&told.answer);
  if (list != nullptr && list->lost) {
    reply.refuse(protocol::ErrorCode::kInvalidField,
                 "/path/" + std::to_string(*list->lost) + ": there is no such value");
    return fault;
  }
  const auto* listening = std::get_if<runtime::Listening>(&told.answer);
  if (listening != nullptr && !listening->failure.empty()) {
    reply.refuse(protocol::ErrorCode::kUnavailable, listening->failure);
    return fault;
  }
  std::visit([&](auto& answer) { reply.answer(replies::reply(answer)); }, told.answer);
  return fault;
}

void InquiryDesk::clear() {
  while (!waiting_.empty()) waiting_.erase(waiting_.begin());  // in the order in which they came
  bytes_ = 0;
  in_hand_ = 0;
}

}  // namespace replwire::server
