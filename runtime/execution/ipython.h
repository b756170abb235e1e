#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/link.h"
#include "runtime/object.h"

namespace replwire::runtime {

// IPython's shell in the session's namespace, with --ipython; without, nothing here does anything.
// The shell itself is runtime/python/ipython.py's. Lives on the worker. What is called here runs
// user code: where nothing else is said, false means that a Python exception is set.
class Ipython {
 public:
  static bool is_installed();
  bool start(PyObject* wire);

  bool on() const { return static_cast<bool>(module_); }

  // Before the code is compiled, which becomes Python.
  bool begin(Run& sent);
  // After code has failed to compile, with that exception set: replaces it by what IPython makes of
  // it. False when that is nothing else; the exception stays set.
  bool transform(Run& sent);
  // While user code is in hand: whether the code says that its value is not to be told. An
  // exception may be set.
  bool is_quiet();
  // And what becomes of one that is told.
  bool keep(const Ref& value, std::optional<std::int64_t> count);
  // When it has ended, with `error` or none; not for code that did not begin.
  bool finish(const Ref& error, bool compiled);

  // When the namespace has been emptied.
  bool reset();

 private:
  template <class... Arguments>
  Ref call(const char* function, const char* format, Arguments... arguments);
  // As user code, which can be interrupted.
  template <class... Arguments>
  Ref run(const char* function, const char* format, Arguments... arguments);

  static Ref code_of(const Run& sent);
  static bool take(const Ref& python, Run& sent);

  Ref module_;  // its namespace
  bool begun_ = false;
};

}  // namespace replwire::runtime
