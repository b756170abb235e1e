#include "server/session/execution_queue.h"

#include <iterator>

#include "server/session/frame_values.h"
#include "server/session/replies.h"

namespace replwire::server {
namespace {

using protocol::ErrorCode;
using protocol::ErrorReason;

// What a waiting execution holds.
std::size_t bytes_of(const protocol::Execute& request) {
  std::size_t bytes = sizeof(request) + request.code.size() + request.filename.value_or("").size();
  if (request.inputs) {
    for (const std::string& input : *request.inputs) bytes += sizeof(input) + input.size();
  }
  if (request.expressions) {
    for (const auto& item : request.expressions->items)
      bytes += sizeof(item) + item.first.size() + item.second.size();
  }
  return bytes;
}

std::size_t bytes_of(const protocol::Functions& request) {
  std::size_t bytes = 0;
  for (const auto& function : request.functions) {
    bytes += sizeof(function) + function.name.size() + (function.doc ? function.doc->size() : 0);
    if (!function.parameters) continue;
    for (const auto& parameter : *function.parameters) {
      bytes += sizeof(parameter) + parameter.name.size();
      if (parameter.default_value) bytes += parameter.default_value->text.size();
    }
  }
  if (!request.remove) return bytes;
  for (const std::string& name : *request.remove) bytes += sizeof(name) + name.size();
  return bytes;
}

std::size_t bytes_of(const runtime::Errand& transfer) {
  std::size_t bytes = 0;
  const auto count = [&bytes](const auto& file) {
    if constexpr (requires { file.names; }) {
      bytes = sizeof(protocol::Execute) + file.path.size();
      for (const std::string& name : file.names.value_or(std::vector<std::string>()))
        bytes += sizeof(name) + name.size();
    }
  };
  std::visit(count, transfer);
  return bytes;
}

// What is made of an errand.
protocol::Execute silent() {
  protocol::Execute request = {};
  request.silent = true;
  return request;
}

}  // namespace

void ExecutionQueue::add(protocol::Execute request, ReplyOnce reply, const InHand& in_hand) {
  std::string key = reply.id() ? json_of(*reply.id()) : invent_id(in_hand.key);
  const std::size_t bytes = bytes_of(request);
  add({std::move(request), std::move(reply), std::move(key), bytes}, in_hand);
}

void ExecutionQueue::add(runtime::Errand transfer, ReplyOnce reply, const InHand& in_hand) {
  protocol::Execute request = silent();
  request.timeout = 0;
  std::string key = json_of(*reply.id());
  const std::size_t bytes = bytes_of(transfer);
  add({std::move(request), std::move(reply), std::move(key), bytes, std::move(transfer)}, in_hand);
}

void ExecutionQueue::add(Entry entry, const InHand& in_hand) {
  const std::string& key = entry.key;
  if (key == in_hand.key || contains(key)) {
    return entry.reply.refuse(ErrorCode::kDuplicateId, "/id: " + key + " is in use");
  }
  if (limit_ && size() >= *limit_ && (in_hand.busy || !empty())) {
    return entry.reply.refuse(ErrorCode::kQueueFull,
                              std::to_string(*limit_) + " executions wait already");
  }
  if (!entry.reply.id()) entry.reply.set_id(key.substr(1, key.size() - 2));
  const auto place = entries_.insert(entries_.end(), std::move(entry));
  keys_.emplace(place->key, place);
  bytes_ += place->bytes;
  if (aborting_) end(place, ErrorReason::kAborted);
}

void ExecutionQueue::add(Request request, ReplyOnce reply) {
  std::size_t bytes = sizeof(Entry);
  if (const auto* functions = std::get_if<protocol::Functions>(&request)) {
    bytes += bytes_of(*functions);
  }
  entries_.push_back({std::move(request), std::move(reply), {}, bytes});
  bytes_ += bytes;
}

void ExecutionQueue::add(runtime::CommMessage message, ReplyOnce reply, std::string_view running) {
  if (!reply.id()) {
    const std::string key = invent_id(running);
    reply.set_id(key.substr(1, key.size() - 2));
    reply.none();
  }
  std::size_t bytes = sizeof(Entry) + message.data.size() + message.metadata.size();
  for (const std::string& buffer : message.buffers) bytes += sizeof(buffer) + buffer.size();
  entries_.push_back({silent(), std::move(reply), {}, bytes, std::move(message)});
  bytes_ += bytes;
}

std::string ExecutionQueue::invent_id(std::string_view running) {
  std::string key;
  do {
    key = "\"replwire-" + std::to_string(++last_invented_) + "\"";
  } while (key == running || contains(key));
  return key;
}

ExecutionQueue::Entry ExecutionQueue::take(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  if (!entry->key.empty()) keys_.erase(entry->key);
  Entry taken = std::move(*entry);
  entries_.erase(entry);
  return taken;
}

void ExecutionQueue::end(Entries::iterator entry, ErrorReason reason, std::string message) {
  take(entry).reply.fail(replies::never_ran(reason, std::move(message)));
}

void ExecutionQueue::cancel(const std::string& key) {
  const auto found = keys_.find(key);
  if (found != keys_.end()) end(found->second, ErrorReason::kCancelled);
}

void ExecutionQueue::fail_front(ErrorReason reason, std::string message) {
  end(entries_.begin(), reason, std::move(message));
}

void ExecutionQueue::end_executions(ErrorReason reason) {
  for (auto each = entries_.begin(); each != entries_.end();) {
    const auto entry = each++;
    if (!entry->key.empty()) end(entry, reason);
  }
}

void ExecutionQueue::after_failure(bool stop) {
  aborting_ = stop_on_error_;
  if (stop || aborting_) end_executions(ErrorReason::kAborted);
}

void ExecutionQueue::clear() {
  keys_.clear();
  entries_.clear();
  bytes_ = 0;
}

}  // namespace replwire::server
