#pragma once

#include <optional>
#include <string>

#include "runtime/link.h"
#include "runtime/object.h"

namespace replwire::runtime {

// Code ready to run: what comes before the last statement, and the last statement when it is an
// expression. Either may be missing.
struct Cell {
  Ref body;
  Ref expression;
  Ref filename;         // the very str that the code objects hold
  bool awaits = false;  // at top level: one of them makes a coroutine
};

// Compiles the code of executions, one after the other; `from __future__` imports stay in force
// from one to the next. Lives on the worker.
class Compiler {
 public:
  // False with a Python exception set.
  bool start();

  // Python's first compilation sets up the types of syntax trees (2 ms): not at the start, and
  // not in the first execution when that comes later.
  void warm_up();

  // The name that an execution's code is compiled under.
  static Ref name_of(const Run& run);

  // Nothing, with a Python exception set (a SyntaxError most often), when it does not compile.
  std::optional<Cell> compile(const Run& run, const Ref& filename);

  // A whole file, given as bytes, its encoding as it declares.
  Ref compile_file(const Ref& source, const Ref& filename) {
    return call(source.get(), filename.get(), exec_, 0);
  }

  // Of `from __future__` imports that are in force.
  long flags() const { return flags_; }
  // Forgets them.
  void reset() { flags_ = 0; }

 private:
  Ref call(PyObject* source, PyObject* filename, const Ref& mode, long flags);
  Ref finish(Ref code, Cell& cell);
  bool split(PyObject* source, Cell& cell);
  bool compile_cell(PyObject* source, const Run& run, Cell& cell);

  Ref compile_;  // builtins.compile
  Ref exec_;     // "exec" and "eval", its modes
  Ref eval_;
  Ref co_flags_;
  Ref ast_expr_;  // the types Expr and Expression of syntax trees
  Ref ast_wrap_;
  long flags_ = 0;  // of __future__
};

}  // namespace replwire::runtime
