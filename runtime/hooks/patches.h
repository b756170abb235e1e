#pragma once

#include "runtime/link.h"
#include "runtime/object.h"

namespace replwire::runtime {

// Changes to other modules (runtime/python/patches.py), made when user code imports them and not
// before; and os._exit, which says so before it ends the process. False with a Python exception
// set.
bool install_patches(Link& link, PyObject* wire);

// Changes a module that has been imported. False with a Python exception set.
bool patch_module(const char* name, PyObject* module);

}  // namespace replwire::runtime
