#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/link.h"
#include "runtime/object.h"

namespace replwire::runtime {

// Code ready to run: what comes before the last statement, and the last statement when it is an
// expression. Either may be missing.
struct Cell {
  struct Part {
    Ref code;
    std::int64_t line;  // of an expression whose value is told; 0: statements
  };
  std::vector<Part> parts;  // before the rest; empty unless every value is to be told
  Ref body;
  Ref expression;
  Ref filename;         // the very str that the code objects hold
  Ref space;            // the namespace that it runs in
  long flags = 0;       // of `from __future__` imports that are in force in it
  bool awaits = false;  // at top level: one of them makes a coroutine
};

// Compiles the code of executions, one after the other; `from __future__` imports stay in force
// from one to the next. Lives on the worker.
class Compiler {
 public:
  // `wire` is the _replwire module. False with a Python exception set.
  bool start(PyObject* wire);

  // Python's first compilation sets up the types of syntax trees (2 ms): not at the start, and
  // not in the first execution when that comes later.
  void warm_up();

  // The name that an execution's code is compiled under.
  static Ref name_of(const Run& run);

  // Nothing, with a Python exception set (a SyntaxError most often), when it does not compile.
  std::optional<Cell> compile(const Run& run, const Ref& filename, const Ref& space);
  // One expression, which may await.
  std::optional<Cell> compile_expression(std::string_view code, const Cell& beside);

  // A whole file, given as bytes, its encoding as it declares.
  Ref compile_file(const Ref& source, const Ref& filename) {
    return call(source.get(), filename.get(), exec_, 0);
  }

  // Of `from __future__` imports that are in force: in a module those that it has made itself.
  long flags(const Run& run, const Ref& space) const;
  // Forgets those of the session.
  void reset() { flags_ = 0; }

 private:
  Ref call(PyObject* source, PyObject* filename, const Ref& mode, long flags);
  Ref compile_as(const Ref& mode, PyObject* source, const Cell& cell, long flags = 0);
  Ref finish(Ref code, Cell& cell);
  struct Shape {
    std::size_t margin;  // that the source has lost
    bool every_value;
  };
  bool compile_cell(PyObject* source, std::string_view code, const Shape& shape, Cell& cell);
  bool split(PyObject* source, const Shape& shape, Cell& cell);
  bool restore_margin(const Ref& tree, std::size_t margin);
  bool compile_parts(const Ref& tree, Cell& cell);
  PyObject* tree_function(const char* name);

  Ref wire_;
  Ref trees_;    // namespace of the bundled module, once it is loaded
  Ref compile_;  // builtins.compile
  Ref exec_;     // "exec" and "eval", its modes
  Ref eval_;
  Ref co_flags_;
  Ref ast_expr_;  // the types Expr and Expression of syntax trees
  Ref ast_wrap_;
  long flags_ = 0;  // of __future__
};

}  // namespace replwire::runtime
