#pragma once

#include <string>
#include <string_view>

namespace replwire::server {

std::string base64(std::string_view bytes);

}  // namespace replwire::server
