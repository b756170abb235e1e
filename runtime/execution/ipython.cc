#include "runtime/execution/ipython.h"

#include "runtime/bundle.h"
#include "runtime/execution/dedent.h"
#include "runtime/execution/interrupts.h"
#include "runtime/execution/user_context.h"
#include "runtime/os/memory_limit.h"

namespace replwire::runtime {
namespace {

PyObject* truth(bool value) { return value ? Py_True : Py_False; }

}  // namespace

bool Ipython::is_installed() {
  const Ref util(PyImport_ImportModule("importlib.util"));
  const Ref spec(util ? PyObject_CallMethod(util.get(), "find_spec", "s", "IPython") : nullptr);
  PyErr_Clear();
  return spec && spec.get() != Py_None;
}

bool Ipython::start(PyObject* wire) {
  const user_context::Scope context;
  module_ = load_bundled("ipython", wire);
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

bool Ipython::begin(Run& sent) {
  const Ref code = make_str(sent.dedent ? dedent(sent.code).code : sent.code);
  const auto& count = sent.execution->count;
  const Ref number = count ? Ref(PyLong_FromLongLong(*count)) : Ref::borrow(Py_None);
  if (!code || !number) return false;
  begun_ = true;
  const Ref python =
      run("begin", "OOOO", code.get(), number.get(), truth(sent.silent), truth(count.has_value()));
  if (!python || python.get() == Py_None) return static_cast<bool>(python);
  auto text = utf8(python.get());
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
