#pragma once

#include "runtime/object.h"

// What bundled code builds on, as Python made it: a copy of `builtins`, copies of the modules that
// Python itself has loaded before any user code runs, and further modules of the standard library
// from the folder that Python came with. User code that patches, shadows or drops modules changes
// none of it, and finds none of it in sys.modules.
namespace replwire::runtime::own_modules {

// Takes the copies. Called once, before user code runs. False with a Python exception set.
bool start(PyObject* wire);

// The `__builtins__` of a bundled module: its `import` finds our modules, or, for those that work
// on what user code sees too (the event loop, the streams), the public ones, which then come from
// the standard library even where the working directory has a file of that name. Borrowed.
PyObject* builtins_for(const char* bundled);

// One of the copies, such as `marshal`; null, with a Python exception set, when there is none.
// Borrowed.
PyObject* copy_of(const char* name);

// Imports a module of the standard library where user code finds it too. False with a Python
// exception set.
bool import_standard(const char* name);

// The spec of a module of the standard library while this thread imports a public module for us;
// else nothing. With a Python exception set when it failed. `name` is that of a top-level module.
Ref spec_for_us(PyObject* name);

}  // namespace replwire::runtime::own_modules
