#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

// Messages in a stream of bytes: each behind its size and, towards the server, the place in the
// shared output that it comes behind.
namespace replwire::server::survive {

struct Framed {
  std::uint64_t size;
  std::uint64_t position;
};

inline std::string framed(std::string_view body, std::uint64_t position = 0) {
  const Framed header = {body.size(), position};
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  out.append(body);
  return out;
}

struct Unframed {
  std::string body;
  std::uint64_t position;
};

// The first whole message, which leaves the buffer; nothing when there is none yet.
inline std::optional<Unframed> take_framed(std::string& buffer) {
  Framed header = {};
  if (buffer.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, buffer.data(), sizeof header);
  if (buffer.size() - sizeof header < header.size) return std::nullopt;
  Unframed message = {buffer.substr(sizeof header, header.size), header.position};
  buffer.erase(0, sizeof header + header.size);
  return message;
}

}  // namespace replwire::server::survive
