#include "runtime/patches.h"

#include <array>

#include "runtime/bundle.h"
#include "runtime/forked.h"
#include "runtime/guard.h"

namespace replwire::runtime {
namespace {

// What is asked at every import and at every end of a forked child is answered here: the bundled
// module is loaded when it has something to do.
struct State {
  PyObject* wire;   // borrowed; all of these live as long as the process
  PyObject* names;  // of the modules that are patched
  PyObject* exit;   // posix._exit as Python made it
  PyObject* space;  // of the bundled module, once it is loaded
};

State state = {};

// The code of linecache is patched as well, but where it is there from the start (CPython 3.13
// imports it for `-c`) there is no source yet that it could be told.
constexpr std::array kNames = {"getpass",
                               "inspect",
                               "matplotlib",
                               "IPython.core.display_functions",
                               "IPython.core.display",  // before version 7.23
                               "_replwire_figures",
                               "linecache"};

Ref call_bundled(const char* function, PyObject* arguments) {
  if (state.space == nullptr) state.space = load_bundled("patches", state.wire).release();
  PyObject* found = state.space ? PyDict_GetItemString(state.space, function) : nullptr;
  return Ref(found != nullptr ? PyObject_CallObject(found, arguments) : nullptr);
}

PyObject* find_spec(PyObject* /*module*/, PyObject* arguments) {
  PyObject* name = PyTuple_GetItem(arguments, 0);
  const int patched = name != nullptr ? PySet_Contains(state.names, name) : -1;
  if (patched < 0) return nullptr;
  if (patched == 0) Py_RETURN_NONE;
  const Ref alone(PyTuple_Pack(1, name));
  return alone ? call_bundled("find_spec", alone.get()).release() : nullptr;
}

PyObject* exit_process(PyObject* /*module*/, PyObject* arguments, PyObject* keywords) {
  if (!in_forked_child()) {
    PyObject* status = keywords != nullptr ? PyDict_GetItemString(keywords, "status") : nullptr;
    const Ref alone(status != nullptr ? PyTuple_Pack(1, status) : nullptr);
    if (!call_bundled("announce_exit", alone ? alone.get() : arguments)) PyErr_Clear();
  }
  return PyObject_Call(state.exit, arguments, keywords);
}

PyMethodDef find_spec_method = {"find_spec", guarded<find_spec>, METH_VARARGS,
                                "find_spec($module, name, path=None, target=None, /)\n--\n\n"
                                "Find none; see to a few modules that the session changes."};

PyMethodDef exit_method = {
    "_exit", guarded_with_keywords<exit_process>, METH_VARARGS | METH_KEYWORDS,
    "_exit($module, /, status)\n--\n\n"
    "Exit to the system with specified status, without normal exit processing."};

// Stands first in sys.meta_path.
bool add_finder() {
  const Ref finder(PyModule_New("_replwire_patches"));
  const Ref function(PyCFunction_NewEx(&find_spec_method, nullptr, nullptr));
  PyObject* finders = PySys_GetObject("meta_path");
  return finder && function && finders != nullptr &&
         PyObject_SetAttrString(finder.get(), "find_spec", function.get()) == 0 &&
         PyList_Insert(finders, 0, finder.get()) == 0;
}

bool patch_exit() {
  const Ref posix(PyImport_ImportModule("posix"));
  const Ref owner = make_str("posix");
  state.exit = posix ? PyObject_GetAttrString(posix.get(), "_exit") : nullptr;
  const Ref function(state.exit != nullptr ? PyCFunction_NewEx(&exit_method, nullptr, owner.get())
                                           : nullptr);
  PyObject* os = PyDict_GetItemString(PyImport_GetModuleDict(), "os");  // not there with `-S`
  return function && PyObject_SetAttrString(posix.get(), "_exit", function.get()) == 0 &&
         (os == nullptr || PyObject_SetAttrString(os, "_exit", function.get()) == 0);
}

// For modules that are there already.
bool patch_now(const char* name) {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), name);
  const Ref arguments(module != nullptr ? Py_BuildValue("(sO)", name, module) : nullptr);
  return module == nullptr || (arguments && call_bundled("patch", arguments.get()));
}

}  // namespace

bool install_patches(PyObject* wire) {
  state.wire = wire;
  state.names = PySet_New(nullptr);
  for (const char* name : kNames) {
    const Ref text = make_name(name);
    if (state.names == nullptr || !text || PySet_Add(state.names, text.get()) != 0) return false;
    if (name != std::string_view("linecache") && !patch_now(name)) return false;
  }
  return patch_exit() && add_finder();
}

}  // namespace replwire::runtime
