#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "runtime/object.h"

// Python's objects as JSON text, in two ways: as plain data, with nothing lost, and as what a
// display shows. And back.
namespace replwire::runtime {

inline constexpr int kValueDepth = 32;
inline constexpr std::size_t kValueBytes = 65536;

// The object as JSON when it is plain data by exact type (None, bool, int within ±2^53, finite
// float, str, list, tuple, dict with str keys), at most `most_depth` deep and `most_bytes` long.
// Runs no user code. No Python exception is pending afterwards.
std::optional<std::string> plain_json(PyObject* object, std::size_t most_bytes = kValueBytes,
                                      int most_depth = kValueDepth);

// The same for what a call passes: lone surrogates as JSON can spell them, and otherwise what is
// not plain data and where that stands: "[3]['when']: datetime is not JSON".
struct PlainFault {
  std::string text;
};
std::variant<std::string, PlainFault> exact_json(PyObject* object, std::size_t most_bytes);

// JSON that is known to be valid, as an object; lone surrogates stay. Null with a Python exception
// set.
Ref object_of_json(std::string_view json);

// What a display's form is in JSON: None, bool, int, float, str, list, tuple, dict, and bytes-like
// objects as base64; subclasses count as what they derive from, whatever they say of themselves.
// None, with a Python exception set, for anything else. `nan_is_null`: as JavaScript writes NaN and
// infinity; else they are a ValueError.
std::optional<std::string> display_json(PyObject* value, bool nan_is_null);

// A JSON text that C++ has made, as an object that Python code can hold and pass on but not make.
Ref make_json(std::string text);
// Null, with a Python exception set, for any other object. Lives as long as the object.
const std::string* json_of(PyObject* object);

}  // namespace replwire::runtime
