#include "runtime/hooks/hooks.h"

#include "runtime/bundle.h"
#include "runtime/execution/origin.h"
#include "runtime/hooks/descriptor_zero.h"
#include "runtime/hooks/fork_warning.h"
#include "runtime/hooks/own_modules.h"
#include "runtime/hooks/patches.h"
#include "runtime/hooks/wire_module.h"

namespace replwire::runtime {
namespace {

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
  const Ref sys(PyImport_ImportModule("sys"));
  if (!builtins || !sys) return false;
  builtins_ = Ref::borrow(PyModule_GetDict(builtins.get()));
  sys_ = Ref::borrow(PyModule_GetDict(sys.get()));
  input_name_ = make_name("input");
  wire_ = make_wire_module(link_);
  input_ = wire_ && own_modules::start(wire_.get()) ? make_input_function() : Ref();
  streams_ = input_ ? load_bundled("streams", wire_.get()) : Ref();
  if (!streams_ || PyDict_SetItem(builtins_.get(), input_name_.get(), input_.get()) != 0) {
    return false;
  }
  for (Stream& stream : standard_) {
    if (!install_stream(stream)) return false;
  }
  return patch_open(streams_) && install_patches(link_, wire_.get()) && Origin::patch_threads() &&
         patch_forks();
}

// A new object, for `sys.stdin` and `sys.__stdin__`.
bool Hooks::install_stream(Stream& stream) {
  if (!stream.key) {
    stream.key = make_name(stream.name);
    stream.key_of_original = make_name(("__" + std::string(stream.name) + "__").c_str());
  }
  stream.ours = Ref(PyObject_CallNoArgs(PyDict_GetItemString(streams_.get(), stream.name)));
  return stream.ours &&
         PyDict_SetItem(sys_.get(), stream.key_of_original.get(), stream.ours.get()) == 0 &&
         PyDict_SetItem(sys_.get(), stream.key.get(), stream.ours.get()) == 0;
}

bool Hooks::restore() {
  const bool some_closed = take_stream_closed();
  bool restored = restore_input();
  for (Stream& stream : standard_) restored = restore_stream(stream, some_closed) && restored;
  return restored;
}

bool Hooks::restore_input() {
  PyObject* current = PyDict_GetItemWithError(builtins_.get(), input_name_.get());
  if (current == input_.get()) return true;
  if (current != nullptr && PyCallable_Check(current) != 0) return true;
  return PyDict_SetItem(builtins_.get(), input_name_.get(), input_.get()) == 0;
}

bool Hooks::restore_stream(Stream& stream, bool some_closed) {
  PyObject* current = in_sys(stream.key);
  if (current == stream.ours.get() && !some_closed) return true;
  if (current != nullptr && current != Py_None && current != stream.ours.get() &&
      !is_closed(current)) {
    return true;
  }
  if (is_closed(stream.ours.get())) return install_stream(stream);
  return PyDict_SetItem(sys_.get(), stream.key.get(), stream.ours.get()) == 0;
}

void Hooks::flush_replaced() {
  for (const Stream& stream : standard_) {
    if (&stream == standard_.data()) continue;  // stdin
    PyObject* current = in_sys(stream.key);
    if (current == nullptr || current == Py_None || current == stream.ours.get()) continue;
    const Ref flushed(PyObject_CallMethod(current, "flush", nullptr));
    if (!flushed) PyErr_Clear();
  }
}

}  // namespace replwire::runtime
