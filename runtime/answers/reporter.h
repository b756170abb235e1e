#pragma once

#include "runtime/execution/compiler.h"
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

  // Called when it has run: what still holds on to its code can be shown.
  void release(const Run& run, const Ref& filename, const Cell* cell);

  // A SyntaxError of what did not compile under this name, before it is told.
  void amend(const Ref& exception, const Run& run, const Ref& filename, long flags);

  // Never fails: what cannot be told is left out. No Python exception is pending afterwards. The
  // exception is the last one from then on (sys.last_value).
  Outcome outcome(const Ref& exception, const Run& run, const Cell* cell);

  // The same of what is no execution's: the last exception stays as it was.
  Outcome fault(const Ref& exception);

  // What it says of itself, and no more than that.
  Report report(const Ref& exception);

  static void forget_last();

  // The last line of the exception's traceback, in one line.
  std::string summary(const Ref& exception);

 private:
  bool has_nested_code(PyObject* code) const;
  PyObject* source_function(const char* name);
  bool load();
  void call_user_hook(const Ref& exception);
  static void set_last(const Ref& exception);
  Ref call_sources(const char* name, const Run& run, const Cell& cell);

  Ref wire_;
  Ref co_consts_;
  Ref sources_;  // namespaces of the bundled modules, each loaded when it is first needed
  Ref report_;
  Ref syntax_;
};

}  // namespace replwire::runtime
