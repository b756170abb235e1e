#pragma once

#include <string>
#include <string_view>

namespace replwire::text {

std::string base64(std::string_view bytes);

}  // namespace replwire::text
