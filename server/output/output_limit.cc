#include "server/output/output_limit.h"

#include <utility>

#include "text/utf8.h"

namespace replwire::server {
namespace {

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace

std::string_view OutputLimit::pass(runtime::Stream stream, std::string_view bytes) {
  State& state = states_[static_cast<std::size_t>(stream)];
  const std::size_t half = limit_ - limit_ / 2;
  std::string_view head;
  if (!state.spooled && state.head.size() < half) {
    head = bytes.substr(0, half - state.head.size());
    head.remove_suffix(text::incomplete_tail(head));
  }
  state.head.append(head);
  state.sent += static_cast<std::int64_t>(head.size());
  state.total += static_cast<std::int64_t>(bytes.size());
  bytes.remove_prefix(head.size());
  if (!bytes.empty()) keep(state, stream, bytes);
  return head;
}

void OutputLimit::keep(State& state, runtime::Stream stream, std::string_view bytes) {
  if (!std::exchange(state.spooled, true)) {
    spools_.append(*execution_->count, stream, std::exchange(state.head, {}));
  }
  spools_.append(*execution_->count, stream, bytes);
  state.tail.append(bytes);
  // Cut only now and then: each cut moves the tail.
  if (state.tail.size() > limit_ + 65536) state.tail.erase(0, state.tail.size() - limit_ / 2 - 4);
}

std::optional<OutputLimit::Gap> OutputLimit::close(runtime::Stream stream) {
  State& state = states_[static_cast<std::size_t>(stream)];
  if (state.sent == state.total) return std::nullopt;
  std::string tail = std::exchange(state.tail, {});
  const std::int64_t behind = state.total - state.sent;
  const std::size_t most = limit_ / 2;
  if (tail.size() > most) {
    tail.erase(0, tail.size() - most);
    std::size_t start = 0;
    while (start < tail.size() && continues(tail[start])) ++start;
    tail.erase(0, start);
  }
  const std::int64_t offset = state.sent;
  state.sent = state.total;
  return Gap{behind - static_cast<std::int64_t>(tail.size()), offset, std::move(tail)};
}

}  // namespace replwire::server
