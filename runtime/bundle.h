#pragma once

#include <span>

#include "runtime/object.h"

// The parts of the runtime that are easier in Python (runtime/python/), carried inside the program.
namespace replwire::runtime {

struct BundledModule {
  const char* name;
  std::span<const unsigned char> source;
  std::span<const unsigned char> bytecode;  // of the Python that `bundled_magic` names
};

// Made at build time by cmake/bundle_python.py.
std::span<const BundledModule> bundled_modules();
long bundled_magic();

// Runs the module in a namespace of its own, with `wire` (the _replwire module) in it, and returns
// that namespace. What it imports: see own_modules.h. Its code's file name is "<replwire NAME>",
// which tracebacks leave out. None, with a Python exception set, when it fails.
Ref load_bundled(const char* name, PyObject* wire);

}  // namespace replwire::runtime
