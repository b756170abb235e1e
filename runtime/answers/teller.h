#pragma once

#include <cstdint>

#include "runtime/answers/presenter.h"
#include "runtime/execution/ipython.h"
#include "runtime/link.h"
#include "runtime/main_module.h"

namespace replwire::runtime {

// Tells values of the Run in hand: how they are shown, and kept as `_`. Uses what it is given, all
// of which outlives it. False from any of its functions: with a Python exception set.
class Teller {
 public:
  Teller(Link& link, Presenter& presenter, MainModule& main, Ipython& ipython)
      : link_(link), presenter_(presenter), main_(main), ipython_(ipython) {}
  Teller(const Teller&) = delete;
  Teller& operator=(const Teller&) = delete;

  // Gives our module its `tell_value`, for the event loop, whose steps are Python.
  bool start(PyObject* wire);
  void begin(const Run& run) { run_ = &run; }

  // A statement's value that comes before the last one's: sent at once.
  bool send(PyObject* value, std::int64_t line);
  // As sys.displayhook would show it, user code's own if there is one, and kept.
  bool show(const Run& run, const Ref& value, Presentation& told);
  // Its repr and its other forms, and no more.
  bool say(const Run& run, const Ref& value, Presentation& told);

 private:
  static PyObject* tell_value(PyObject* self, PyObject* args);
  bool keep(const Run& run, const Ref& value);

  Link& link_;
  Presenter& presenter_;
  MainModule& main_;
  Ipython& ipython_;
  const Run* run_ = nullptr;  // in hand
};

}  // namespace replwire::runtime
