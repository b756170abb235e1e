#pragma once

#include "runtime/link.h"
#include "runtime/object.h"

// The session's variables in a file, and back (docs/saving.md). What is to be pickled, and how, is
// Python's affair (runtime/python/files/), loaded with the first file; the bytes, their checksums,
// the file that appears whole or not at all, and who shares what are here.
namespace replwire::runtime::session_files {

// `wire` is the _replwire module. False with a Python exception set.
bool install(Link& link, PyObject* wire);

// On the worker, in its turn; both run user code, and tell of their progress under the name of the
// execution. None, with a Python exception set, when there is no such file, or nothing of it has
// been loaded.
std::optional<Saved> save(const ExecutionRef& execution, const Save& request);
std::optional<Loaded> load(const ExecutionRef& execution, const Load& request);

}  // namespace replwire::runtime::session_files
