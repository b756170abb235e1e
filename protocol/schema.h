#pragma once

#include <string>

namespace replwire::protocol {

// The JSON Schema (draft 2020-12) of all frames: under `$defs` one of each, by its type, and
// `request` and `event`, which are any of theirs.
std::string schema();

}  // namespace replwire::protocol
