#pragma once

#include "runtime/link.h"
#include "runtime/object.h"

// What user code finds in place of the standard streams and input(): patched once, for good.
namespace replwire::runtime {

// Owns the objects that stand in for builtins.input and the standard streams. Lives on the worker;
// the functions behind them may be called from any Python thread.
class Hooks {
 public:
  explicit Hooks(Link& link) : link_(link) {}
  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;

  // False, with a Python exception set, when Python could not do it.
  bool install();

  // Before an execution: what is missing, closed or (input) not callable goes back. What user
  // code put in place instead is its own.
  bool restore();

  // After an execution: text that a stream of user code's own still holds.
  void flush_replaced();

  // The _replwire module, for the bundled Python code.
  PyObject* wire() const { return wire_.get(); }

 private:
  bool install_patches();
  bool restore_input();
  bool restore_stream(const char* name, Ref& ours);
  Ref make_stream(const char* name);

  Link& link_;
  Ref builtins_;  // the module's namespace
  Ref wire_;
  Ref input_;
  Ref streams_;  // namespace of the bundled module
  Ref stdin_;
  Ref stdout_;
  Ref stderr_;
};

}  // namespace replwire::runtime
