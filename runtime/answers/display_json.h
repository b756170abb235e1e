#pragma once

#include <string>

#include "runtime/object.h"

namespace replwire::runtime {

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
