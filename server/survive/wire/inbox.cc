#include "server/survive/wire/inbox.h"

#include <cstring>
#include <utility>

#include "server/survive/wire/sending.h"

namespace replwire::server::survive {
namespace {

struct Header {
  std::uint64_t size;
  std::uint64_t position;
  std::uint64_t descriptors;
};

}  // namespace

std::string framed(std::string_view body, std::uint64_t position, std::size_t descriptors) {
  const Header header = {body.size(), position, descriptors};
  std::string out;
  out.reserve(sizeof header + body.size());
  out.append(reinterpret_cast<const char*>(&header), sizeof header);
  out.append(body);
  return out;
}

// One call never brings the descriptors of two messages.
ssize_t Inbox::receive(int socket, int flags) {
  std::vector<Descriptor> descriptors;
  const std::uint64_t begin = taken_ + bytes_.size();
  const ssize_t size = receive_some(socket, bytes_, descriptors, flags);
  if (!descriptors.empty()) {
    arrivals_.push_back({begin, taken_ + bytes_.size(), std::move(descriptors)});
  }
  return size;
}

std::optional<Received> Inbox::take() {
  Header header = {};
  if (bytes_.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes_.data(), sizeof header);
  if (bytes_.size() - sizeof header < header.size) return std::nullopt;
  Received message = {bytes_.substr(sizeof header, header.size), header.position,
                      take_descriptors(header.descriptors)};
  bytes_.erase(0, sizeof header + header.size);
  taken_ += sizeof header + header.size;
  return message;
}

std::vector<Descriptor> Inbox::take_descriptors(std::size_t count) {
  while (!arrivals_.empty() && arrivals_.front().end <= taken_) arrivals_.pop_front();
  if (count == 0 || arrivals_.empty() || arrivals_.front().begin > taken_) return {};
  auto found = std::move(arrivals_.front().descriptors);
  arrivals_.pop_front();
  if (found.size() != count) found.clear();
  return found;
}

}  // namespace replwire::server::survive
