#pragma once

#include "runtime/object.h"

namespace replwire::runtime {

// Changes to other modules (runtime/python/patches.py), made when user code imports them and not
// before; and os._exit, which says so before it ends the process. False with a Python exception
// set.
bool install_patches(PyObject* wire);

}  // namespace replwire::runtime
