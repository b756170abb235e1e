#include "runtime/hooks/own_modules.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/bundle.h"
#include "runtime/guard.h"
#include "runtime/os/own_file.h"

namespace replwire::runtime::own_modules {
namespace {

// Whatever of these Python has loaded is copied: what is made in C cannot be made a second time in
// each version, and of the rest our code uses little, which is expensive to run again.
constexpr std::array kCopied = {"_abc",
                                "_codecs",
                                "_collections_abc",
                                "_frozen_importlib",
                                "_frozen_importlib_external",
                                "_imp",
                                "_io",
                                "_signal",
                                "_thread",
                                "_warnings",
                                "_weakref",
                                "abc",
                                "builtins",
                                "codecs",
                                "genericpath",
                                "io",
                                "itertools",
                                "marshal",
                                "os",
                                "posix",
                                "posixpath",
                                "stat",
                                "sys",
                                "time"};

// Bundled modules that work on what user code sees as well.
constexpr std::array<std::string_view, 11> kPublic = {
    "debugging", "failures",  "figures", "host",    "ipython",        "loop",
    "pickles",   "processes", "renewal", "streams", "without_ipython"};

// What user code changes on purpose is looked up where it does.
constexpr std::array kLive = {"argv",           "displayhook",    "excepthook", "last_exc",
                              "last_traceback", "last_type",      "last_value", "meta_path",
                              "path",           "path_hooks",     "stderr",     "stdin",
                              "stdout",         "tracebacklimit", "warnoptions"};

// These live as long as the process.
struct State {
  PyObject* wire = nullptr;
  PyObject* modules = nullptr;   // name -> module: the copies, and what importer.py adds
  PyObject* builtins = nullptr;  // of bundled modules
  PyObject* public_builtins = nullptr;
  PyObject* importer = nullptr;       // namespace of importer.py, once it is loaded
  PyObject* import_public = nullptr;  // builtins.__import__ as Python made it
  PyObject* path_finder = nullptr;
};

// Global, since the process has one interpreter.
State state;
thread_local bool for_us = false;  // this thread imports a public module for bundled code

PyObject* importer_function(const char* name) {
  if (state.importer == nullptr) {
    Ref loaded = load_bundled("importer", state.wire);
    if (state.importer == nullptr) state.importer = loaded.release();
  }
  return state.importer != nullptr ? PyDict_GetItemString(state.importer, name) : nullptr;
}

PyObject* import_own(PyObject* /*module*/, PyObject* args, PyObject* kwargs) {
  PyObject* name = PyTuple_GetItem(args, 0);
  if (name == nullptr) return nullptr;
  PyObject* known = PyDict_GetItemWithError(state.modules, name);
  if (known != nullptr) return Ref::borrow(known).release();
  PyObject* function = importer_function("import_module");
  return function != nullptr ? PyObject_Call(function, args, kwargs) : nullptr;
}

PyObject* import_public(PyObject* /*module*/, PyObject* args, PyObject* kwargs) {
  const bool before = std::exchange(for_us, true);
  PyObject* module = PyObject_Call(state.import_public, args, kwargs);
  for_us = before;
  return module;
}

template <auto function>
PyMethodDef import_method() {
  return {"__import__", guarded_with_keywords<function>, METH_VARARGS | METH_KEYWORDS, nullptr};
}

PyMethodDef import_own_method = import_method<import_own>();
PyMethodDef import_public_method = import_method<import_public>();

Ref copy_builtins(PyObject* original, PyMethodDef& import) {
  Ref copy(PyDict_Copy(original));
  const Ref function(PyCFunction_NewEx(&import, nullptr, nullptr));
  if (!copy || !function || PyDict_SetItemString(copy.get(), "__import__", function.get()) != 0) {
    return {};
  }
  return copy;
}

bool copy_module(const char* name) {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), name);
  if (module == nullptr) return true;
  const Ref copy(PyModule_New(name));
  return copy && PyDict_Update(PyModule_GetDict(copy.get()), PyModule_GetDict(module)) == 0 &&
         PyDict_SetItemString(state.modules, name, copy.get()) == 0;
}

PyObject* get_live(PyObject* /*module*/, PyObject* name) {
  const char* text = PyUnicode_AsUTF8AndSize(name, nullptr);
  PyObject* value = text != nullptr ? PySys_GetObject(text) : nullptr;
  if (value == nullptr && PyErr_Occurred() == nullptr) PyErr_SetObject(PyExc_AttributeError, name);
  return Ref::borrow(value).release();
}

PyMethodDef get_live_method = {"__getattr__", guarded<get_live>, METH_O, nullptr};

bool open_sys() {
  PyObject* copy = copy_of("sys");
  const Ref function(PyCFunction_NewEx(&get_live_method, nullptr, nullptr));
  if (copy == nullptr || !function) return false;
  PyObject* space = PyModule_GetDict(copy);
  for (const char* name : kLive) {
    if (PyDict_DelItemString(space, name) != 0) PyErr_Clear();
  }
  return PyDict_SetItemString(space, "__getattr__", function.get()) == 0 &&
         PyDict_SetItemString(space, "modules", PyImport_GetModuleDict()) == 0;
}

bool is_in(PyObject* name, const char* names) {
  PyObject* list = PyDict_GetItemString(PyModule_GetDict(copy_of("sys")), names);
  const int found = list != nullptr ? PySequence_Contains(list, name) : 0;
  PyErr_Clear();
  return found == 1;
}

// A module that the standard library has on other systems.
bool is_foreign(PyObject* name) {
  return is_in(name, "stdlib_module_names") && !is_in(name, "builtin_module_names");
}

bool find_path_finder() {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "_frozen_importlib_external");
  state.path_finder = module != nullptr ? PyObject_GetAttrString(module, "PathFinder") : nullptr;
  return state.path_finder != nullptr;
}

}  // namespace

bool start(PyObject* wire) {
  state.wire = wire;
  state.modules = PyDict_New();
  PyObject* builtins = PyDict_GetItemString(PyImport_GetModuleDict(), "builtins");
  if (state.modules == nullptr || builtins == nullptr) return false;
  PyObject* space = PyModule_GetDict(builtins);
  state.import_public = Ref::borrow(PyDict_GetItemString(space, "__import__")).release();
  state.builtins = copy_builtins(space, import_own_method).release();
  state.public_builtins = copy_builtins(space, import_public_method).release();
  const Ref magic(PyLong_FromLong(PyImport_GetMagicNumber()));
  reserve_descriptor();
  return state.builtins != nullptr && state.public_builtins != nullptr &&
         std::ranges::all_of(kCopied, copy_module) && open_sys() && find_path_finder() && magic &&
         PyObject_SetAttrString(wire, "magic_number", magic.get()) == 0 &&
         PyObject_SetAttrString(wire, "own_modules", state.modules) == 0 &&
         PyObject_SetAttrString(wire, "builtins", space) == 0;
}

PyObject* builtins_for(const char* bundled) {
  const bool is_public = std::ranges::find(kPublic, std::string_view(bundled)) != kPublic.end();
  return is_public ? state.public_builtins : state.builtins;
}

PyObject* copy_of(const char* name) {
  PyObject* module = PyDict_GetItemString(state.modules, name);
  if (module == nullptr) PyErr_SetString(PyExc_ImportError, name);
  return module;
}

bool import_standard(const char* name) {
  const Ref alone(Py_BuildValue("(s)", name));
  return alone && Ref(import_public(nullptr, alone.get(), nullptr));
}

Ref spec_for_us(PyObject* name) {
  if (!for_us) return {};
  importer_function("import_module");
  PyObject* folders =
      state.importer != nullptr ? PyDict_GetItemString(state.importer, "LIBRARY") : nullptr;
  if (folders == nullptr) return {};
  Ref spec(PyObject_CallMethod(state.path_finder, "find_spec", "OO", name, folders));
  if (!spec || spec.get() != Py_None) return spec;
  if (is_foreign(name)) PyErr_Format(PyExc_ModuleNotFoundError, "No module named '%U'", name);
  return {};
}

}  // namespace replwire::runtime::own_modules
