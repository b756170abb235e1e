#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace replwire::text {

std::string base64(std::string_view bytes);

// The bytes again; nothing when it is no base64. Padding may be missing.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace replwire::text
