#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/frames.h"

namespace replwire::protocol {

// Nesting that a frame may have; the frame itself is the first level.
inline constexpr std::size_t kMaxDepth = 64;

struct Decoded {
  std::variant<Request, ProtocolError> frame;
  std::optional<std::string> session;  // that it is for; none: the first one
};

// A frame of text becomes a request, or says what is wrong with it: frame, field and limit. A
// field that the request does not know is skipped while parsing, or with `strict` refused. `line`
// is the input line's number, for the error. Requests that need --survive are known only with it.
Decoded decode(std::string_view text, std::int64_t line, bool survive = false, bool strict = false);

// {"execute":["id","code",…],…}: all that `decode` understands.
std::string capabilities(bool survive = false);

}  // namespace replwire::protocol
