#pragma once

#include "runtime/object.h"

namespace replwire::runtime {

// list_folder(path, most, packages): [(name, is a folder, holds an __init__.py)], the last one
// looked at only when `packages` asks for it. Empty when the folder cannot be read. Made without
// the GIL, in one go: beside code that computes each system call from Python costs a turn of it.
PyObject* list_folder(PyObject* module, PyObject* args);

}  // namespace replwire::runtime
