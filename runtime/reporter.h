#pragma once

#include "runtime/compiler.h"
#include "runtime/outcome.h"

namespace replwire::runtime {

// Turns exceptions into outcomes, and keeps the sources that their tracebacks show. Lives on the
// worker.
class Reporter {
 public:
  // `wire` is the _replwire module. False with a Python exception set.
  bool start(PyObject* wire);

  // Called with code that compiled, before it runs: what has functions or classes in it is kept
  // for as long as those live.
  void remember(const Run& run, const Cell& cell);

  // Never fails: what cannot be told is left out. No Python exception is pending afterwards.
  Outcome outcome(const Ref& exception, const Run& run, const Cell* cell);

  // Whether an exception has been told since the last call.
  bool take_told() { return std::exchange(told_, false); }

  // The last line of the exception's traceback.
  std::string summary(const Ref& exception);

 private:
  bool has_nested_code(PyObject* code) const;
  PyObject* source_function(const char* name);
  bool load();
  Report report(const Ref& exception);
  void call_user_hook(const Ref& exception);
  bool keep_while_reported(const Run& run, const Cell& cell);

  bool told_ = false;
  Ref wire_;
  Ref co_consts_;
  Ref sources_;  // namespaces of the bundled modules, each loaded when it is first needed
  Ref report_;
};

}  // namespace replwire::runtime
