#pragma once

#include <array>

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
  bool restore_input();

  // A standard stream: its names in `sys`, and the object of ours.
  struct Stream {
    const char* name;
    Ref key;
    Ref key_of_original;  // such as "__stdin__"
    Ref ours;
  };

  bool install_stream(Stream& stream);
  bool restore_stream(Stream& stream, bool some_closed);
  PyObject* in_sys(const Ref& key) const { return PyDict_GetItemWithError(sys_.get(), key.get()); }

  Link& link_;
  Ref builtins_;  // the modules' namespaces
  Ref sys_;
  Ref input_name_;
  Ref wire_;
  Ref input_;
  Ref streams_;  // namespace of the bundled module
  std::array<Stream, 3> standard_ = {Stream{"stdin"}, Stream{"stdout"}, Stream{"stderr"}};
};

}  // namespace replwire::runtime
