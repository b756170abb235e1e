#include "runtime/hooks.h"

#include "runtime/bundle.h"
#include "runtime/origin.h"
#include "runtime/wire_module.h"

namespace replwire::runtime {
namespace {

bool set_sys(const char* name, const Ref& value) {
  return value && PySys_SetObject(name, value.get()) == 0;
}

// Whether it says so itself; an object without a say is open.
bool is_closed(PyObject* stream) {
  const Ref closed(PyObject_GetAttrString(stream, "closed"));
  const int result = closed ? PyObject_IsTrue(closed.get()) : 0;
  PyErr_Clear();
  return result == 1;
}

}  // namespace

bool Hooks::install() {
  const Ref builtins(PyImport_ImportModule("builtins"));
  if (!builtins) return false;
  builtins_ = Ref::borrow(PyModule_GetDict(builtins.get()));
  wire_ = make_wire_module(link_);
  input_ = wire_ ? make_input_function(wire_.get()) : Ref();
  streams_ = input_ ? load_bundled("streams", wire_.get()) : Ref();
  if (!streams_) return false;
  stdin_ = make_stream("stdin");
  stdout_ = make_stream("stdout");
  stderr_ = make_stream("stderr");
  return set_sys("stdin", stdin_) && set_sys("__stdin__", stdin_) && set_sys("stdout", stdout_) &&
         set_sys("__stdout__", stdout_) && set_sys("stderr", stderr_) &&
         set_sys("__stderr__", stderr_) &&
         PyDict_SetItemString(builtins_.get(), "input", input_.get()) == 0 && install_patches() &&
         Origin::patch_threads();
}

bool Hooks::install_patches() {
  const Ref patches = load_bundled("patches", wire_.get());
  PyObject* install = patches ? PyDict_GetItemString(patches.get(), "install") : nullptr;
  return install != nullptr && Ref(PyObject_CallNoArgs(install));
}

Ref Hooks::make_stream(const char* name) {
  return Ref(PyObject_CallNoArgs(PyDict_GetItemString(streams_.get(), name)));
}

bool Hooks::restore() {
  return restore_input() && restore_stream("stdin", stdin_) && restore_stream("stdout", stdout_) &&
         restore_stream("stderr", stderr_);
}

bool Hooks::restore_input() {
  PyObject* current = PyDict_GetItemString(builtins_.get(), "input");
  if (current == input_.get()) return true;
  if (current != nullptr && PyCallable_Check(current) != 0) return true;
  return PyDict_SetItemString(builtins_.get(), "input", input_.get()) == 0;
}

bool Hooks::restore_stream(const char* name, Ref& ours) {
  PyObject* current = PySys_GetObject(name);
  if (current != nullptr && current != Py_None && !is_closed(current)) return true;
  if (is_closed(ours.get())) {
    ours = make_stream(name);
    const std::string original = "__" + std::string(name) + "__";
    if (!set_sys(original.c_str(), ours)) return false;
  }
  return set_sys(name, ours);
}

void Hooks::flush_replaced() {
  const char* const names[] = {"stdout", "stderr"};
  for (const char* name : names) {
    PyObject* current = PySys_GetObject(name);
    if (current == nullptr || current == Py_None || current == stdout_.get() ||
        current == stderr_.get()) {
      continue;
    }
    const Ref flushed(PyObject_CallMethod(current, "flush", nullptr));
    if (!flushed) PyErr_Clear();
  }
}

}  // namespace replwire::runtime
