#include "runtime/bundle.h"

#include <algorithm>
#include <string>

#include "runtime/hooks/own_modules.h"

namespace replwire::runtime {
namespace {

std::string_view as_text(std::span<const unsigned char> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Ref compiled(const BundledModule& module) {
  if (PyImport_GetMagicNumber() == bundled_magic()) {
    PyObject* marshal = own_modules::copy_of("marshal");
    if (marshal == nullptr) return {};
    return Ref(PyObject_CallMethod(marshal, "loads", "y#",
                                   reinterpret_cast<const char*>(module.bytecode.data()),
                                   static_cast<Py_ssize_t>(module.bytecode.size())));
  }
  const std::string file = "<replwire " + std::string(module.name) + ">";
  return Ref(
      Py_CompileString(std::string(as_text(module.source)).c_str(), file.c_str(), Py_file_input));
}

}  // namespace

Ref load_bundled(const char* name, PyObject* wire) {
  const auto modules = bundled_modules();
  const auto found = std::ranges::find(modules, std::string_view(name), &BundledModule::name);
  if (found == modules.end()) {
    PyErr_SetString(PyExc_KeyError, name);
    return {};
  }
  const Ref code = compiled(*found);
  Ref space(PyDict_New());
  const Ref module_name = make_str("_replwire_" + std::string(name));
  if (!code || !space || PyDict_SetItemString(space.get(), "wire", wire) != 0 ||
      PyDict_SetItemString(space.get(), "__builtins__", own_modules::builtins_for(name)) != 0 ||
      PyDict_SetItemString(space.get(), "__name__", module_name.get()) != 0) {
    return {};
  }
  const Ref result(PyEval_EvalCode(code.get(), space.get(), space.get()));
  return result ? space : Ref();
}

}  // namespace replwire::runtime
