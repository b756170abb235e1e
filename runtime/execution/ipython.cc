#include "runtime/execution/ipython.h"

#include "runtime/bundle.h"
#include "runtime/execution/dedent.h"
#include "runtime/execution/interrupts.h"
#include "runtime/execution/user_context.h"
#include "runtime/guard.h"
#include "runtime/hooks/wire_module.h"
#include "runtime/os/memory_limit.h"

namespace replwire::runtime {
namespace {

PyObject* truth(bool value) { return value ? Py_True : Py_False; }

bool has_items(PyObject* list, PyObject* items) {
  const Py_ssize_t size = PyTuple_Size(items);
  if (PyList_Size(list) != size) return false;
  for (Py_ssize_t i = 0; i < size; ++i) {
    if (PyList_GetItem(list, i) != PyTuple_GetItem(items, i)) return false;
  }
  return true;
}

bool has_values(PyObject* dict, PyObject* values) {
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t position = 0;
  if (PyDict_Size(dict) != PyDict_Size(values)) return false;
  while (PyDict_Next(values, &position, &key, &value) != 0) {
    if (PyDict_GetItemWithError(dict, key) != value) return false;
  }
  return true;
}

// (list, tuple of its items), (dict, dict of its values), (dict, key, value) or (dict, key that it
// does not have).
bool holds(PyObject* note) {
  PyObject* const place = PyTuple_GetItem(note, 0);
  PyObject* const expected = PyTuple_GetItem(note, 1);
  if (PyList_Check(place) != 0) return has_items(place, expected);
  if (PyDict_Check(expected) != 0) return has_values(place, expected);
  PyObject* const value = PyTuple_Size(note) > 2 ? PyTuple_GetItem(note, 2) : nullptr;
  return PyDict_GetItemWithError(place, expected) == value;
}

// All references are borrowed, so that no page of what is looked at is written to.
PyObject* is_as_noted(PyObject* /*self*/, PyObject* notes) {
  const Py_ssize_t size = PyTuple_Size(notes);
  Py_ssize_t i = 0;
  while (i < size && holds(PyTuple_GetItem(notes, i))) ++i;
  PyErr_Clear();  // of a key that cannot be compared
  return PyBool_FromLong(static_cast<long>(i == size));
}

PyMethodDef wire_methods[] = {
    {"is_as_noted", guarded<is_as_noted>, METH_O, "is_as_noted(notes): see ipython.py"},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool Ipython::is_installed() {
  const Ref util(PyImport_ImportModule("importlib.util"));
  const Ref spec(util ? PyObject_CallMethod(util.get(), "find_spec", "s", "IPython") : nullptr);
  PyErr_Clear();
  return spec && spec.get() != Py_None;
}

bool Ipython::start(PyObject* wire) {
  const user_context::Scope context;
  if (!add_functions(wire, wire_methods)) return false;
  module_ = load_bundled("ipython", wire);
  if (!module_) {
    const SavedError kept;
    if (!load_bundled("without_ipython", wire)) PyErr_Clear();
  }
  return on();
}

template <class... Arguments>
Ref Ipython::call(const char* function, const char* format, Arguments... arguments) {
  return Ref(
      PyObject_CallFunction(PyDict_GetItemString(module_.get(), function), format, arguments...));
}

template <class... Arguments>
Ref Ipython::run(const char* function, const char* format, Arguments... arguments) {
  const memory_limit::Scope limited;
  const user_context::Scope context;
  const interrupts::Window window;
  Ref told = call(function, format, arguments...);
  if (told && PyErr_CheckSignals() != 0) return {};
  return told;
}

Ref Ipython::code_of(const Run& sent) {
  return make_str(sent.dedent ? dedent(sent.code).code : sent.code);
}

bool Ipython::begin(Run& sent) {
  const Ref code = code_of(sent);
  const auto& count = sent.execution->count;
  const Ref number = count ? Ref(PyLong_FromLongLong(*count)) : Ref::borrow(Py_None);
  if (!code || !number) return false;
  begun_ = true;
  const Ref python =
      run("begin", "OOOO", code.get(), number.get(), truth(sent.silent), truth(count.has_value()));
  return python.get() == Py_None || take(python, sent);
}

bool Ipython::transform(Run& sent) {
  if (!on() || !begun_ || PyErr_ExceptionMatches(PyExc_SyntaxError) == 0) return false;
  Ref python;
  {
    const SavedError kept;
    const Ref code = code_of(sent);
    if (code) python = run("again", "O", code.get());
    PyErr_Clear();
  }
  if (!python || python.get() == Py_None) return false;
  PyErr_Clear();
  return take(python, sent);
}

bool Ipython::take(const Ref& python, Run& sent) {
  auto text = python ? utf8(python.get()) : std::nullopt;
  if (!text) return false;
  sent.code = *std::move(text);
  sent.dedent = false;
  return true;
}

bool Ipython::is_quiet() {
  if (!on()) return false;
  const Ref told = call("is_quiet", nullptr);
  return told.get() == Py_True;
}

bool Ipython::keep(const Ref& value, std::optional<std::int64_t> count) {
  return static_cast<bool>(
      call("keep", "OL", value.get(), static_cast<long long>(count.value_or(0))));
}

bool Ipython::finish(const Ref& error, bool compiled) {
  if (!std::exchange(begun_, false)) return true;
  return static_cast<bool>(run("finish", "OO", error ? error.get() : Py_None, truth(compiled)));
}

bool Ipython::reset() { return !on() || static_cast<bool>(run("reset", nullptr)); }

}  // namespace replwire::runtime
