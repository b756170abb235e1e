#include "runtime/execution/loop.h"

#include <poll.h>

#include <algorithm>
#include <chrono>

#include "runtime/bundle.h"
#include "runtime/execution/interrupts.h"
#include "runtime/execution/origin.h"
#include "runtime/execution/user_context.h"
#include "runtime/os/forked.h"

namespace replwire::runtime {
namespace {

// [(code, line of an expression whose value is told, or 0)]
Ref codes_of(const Cell& cell) {
  Ref list(PyList_New(0));
  const auto add = [&list](const Ref& code, std::int64_t line) {
    if (!code || !list) return;
    const Ref entry(Py_BuildValue("(OL)", code.get(), static_cast<long long>(line)));
    if (!entry || PyList_Append(list.get(), entry.get()) != 0) list = {};
  };
  for (const auto& [code, line] : cell.parts) add(code, line);
  add(cell.body, 0);
  add(cell.expression, 0);
  return list;
}

std::chrono::nanoseconds from_seconds(double seconds) {
  constexpr double kDay = 86400;  // what is later is waited for in days
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(std::min(seconds, kDay)));
}

// The first of two, or, when there is one, the second as the pending exception.
Ref take_outcome(const Ref& outcome) {
  PyObject* error = outcome ? PyTuple_GetItem(outcome.get(), 1) : nullptr;
  if (error == nullptr) return {};
  if (error == Py_None) return Ref::borrow(PyTuple_GetItem(outcome.get(), 0));
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error)), error);
  return {};
}

bool is_readable(int descriptor) {
  pollfd state = {descriptor, POLLIN, 0};
  return descriptor >= 0 && ::poll(&state, 1, 0) > 0;
}

}  // namespace

// What user code may replace is taken now.
bool Loop::start(PyObject* wire) {
  wire_ = Ref::borrow(wire);
  const Ref time(PyImport_ImportModule("time"));
  const Ref monotonic(time ? PyObject_GetAttrString(time.get(), "monotonic") : nullptr);
  return monotonic && PyObject_SetAttrString(wire, "monotonic", monotonic.get()) == 0 &&
         PyObject_SetAttrString(wire, "context", user_context::object()) == 0;
}

bool Loop::load() {
  if (module_) return true;
  Ref module = load_bundled("loop", wire_.get());
  PyObject* variable = module ? PyDict_GetItemString(module.get(), "ORIGIN") : nullptr;
  if (variable == nullptr || !Origin::track_tasks(variable)) return false;
  module_ = std::move(module);
  return true;
}

Ref Loop::call(const char* name) {
  return Ref(PyObject_CallNoArgs(PyDict_GetItemString(module_.get(), name)));
}

void Loop::begin() {
  if (!module_) return;
  const Ref origin = Origin::capsule();
  const Ref begun(origin ? PyObject_CallFunctionObjArgs(
                               PyDict_GetItemString(module_.get(), "begin"), origin.get(), nullptr)
                         : nullptr);
  if (!begun) PyErr_Clear();
}

void Loop::leave() {
  if (module_ && !call("leave")) PyErr_Clear();
}

bool Loop::prepare(const Cell& cell, const Execution& execution) {
  const Ref origin = Origin::capsule();
  const Ref name = make_str("execution " + std::to_string(execution.serial));
  const Ref codes = codes_of(cell);
  return origin && name && codes &&
         Ref(PyObject_CallFunctionObjArgs(PyDict_GetItemString(module_.get(), "prepare"),
                                          codes.get(), cell.space.get(), name.get(), origin.get(),
                                          nullptr));
}

Ref Loop::run(const Cell& cell, const Execution& execution) {
  if (!load() || !prepare(cell, execution)) return {};
  Ref value;
  {
    const interrupts::Window window;
    const Origin::OfTasks of_tasks;
    value = take_outcome(call("run"));
  }
  if (in_forked_child()) return value;
  const SavedError kept;
  if (!call("finish")) PyErr_Clear();
  const interrupts::Window window;
  const Origin::OfTasks of_tasks;
  if (!call("settle")) PyErr_Clear();  // an interrupt, too late for the code that is over
  return value;
}

void Loop::step() {
  const Watch due = watch();
  if (due.timeout != std::chrono::nanoseconds(0) && !is_readable(due.descriptor)) return;
  interrupts::control().stir();
  const Origin::OfTasks of_tasks;
  if (!call("step")) PyErr_WriteUnraisable(nullptr);
}

Watch Loop::watch() {
  Watch watch;
  if (!module_) return watch;
  const Ref descriptor = call("descriptor");
  const Ref timeout = descriptor ? call("timeout") : Ref();
  if (descriptor) watch.descriptor = static_cast<int>(PyLong_AsLong(descriptor.get()));
  if (timeout && timeout.get() != Py_None) {
    watch.timeout = from_seconds(PyFloat_AsDouble(timeout.get()));
  }
  if (PyErr_Occurred() != nullptr) PyErr_Clear();
  return watch;
}

std::vector<std::string> Loop::tasks() {
  std::vector<std::string> names;
  const Ref tasks = module_ ? call("tasks") : Ref();
  const Py_ssize_t size = tasks ? PyList_Size(tasks.get()) : 0;
  for (Py_ssize_t i = 0; i < size; ++i) {
    if (auto name = utf8(PyList_GetItem(tasks.get(), i))) names.push_back(*std::move(name));
  }
  PyErr_Clear();
  return names;
}

void Loop::renew() {
  if (module_ && !call("renew")) PyErr_Clear();
}

void Loop::close() {
  if (!module_) return;
  const Origin::OfTasks of_tasks;
  if (!call("close")) PyErr_Clear();
}

}  // namespace replwire::runtime
