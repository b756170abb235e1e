#pragma once

#include "runtime/object.h"

// Reads files of the standard library whatever user code did to the process.
namespace replwire::runtime {

// Holds a descriptor back, for the time when user code has used up all of them.
void reserve_descriptor();
// Its number; -1: there is none.
int reserved_descriptor();

// read_file(path): (bytes, time of the last change in seconds), or None when it cannot be read.
PyObject* read_file(PyObject* module, PyObject* path);

}  // namespace replwire::runtime
