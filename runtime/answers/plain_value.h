#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "runtime/object.h"

namespace replwire::runtime {

inline constexpr int kValueDepth = 32;
inline constexpr std::size_t kValueBytes = 65536;

// The object as JSON when it is plain data by exact type (None, bool, int within ±2^53, finite
// float, str, list, tuple, dict with str keys), at most `most_depth` deep and `most_bytes` long.
// Runs no user code. No Python exception is pending afterwards.
std::optional<std::string> plain_json(PyObject* object, std::size_t most_bytes = kValueBytes,
                                      int most_depth = kValueDepth);

}  // namespace replwire::runtime
