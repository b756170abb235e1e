#include "runtime/hooks/patches.h"

#include <algorithm>
#include <array>

#include "runtime/bundle.h"
#include "runtime/guard.h"
#include "runtime/hooks/own_modules.h"
#include "runtime/os/c_stdio.h"
#include "runtime/os/forked.h"

namespace replwire::runtime {
namespace {

// What is asked at every import and at every end of a forked child is answered here: the bundled
// module is loaded when it has something to do.
struct State {
  Link* link;
  PyObject* wire;   // borrowed; all of these live as long as the process
  PyObject* names;  // of the modules that are patched
  PyObject* exit;   // posix._exit as Python made it
  PyObject* space;  // of the bundled module, once it is loaded
};

// Global, since the process has one interpreter.
State state = {};

constexpr std::array kNames = {"comm",
                               "getpass",
                               "inspect",
                               "matplotlib",
                               "IPython.core.display_functions",
                               "IPython.core.display",  // before version 7.23
                               "line_profiler.line_profiler",
                               "numba.core.caching",
                               "plotly.io._renderers",
                               "pysnooper.tracer",
                               "_replwire_figures",
                               "host",
                               "linecache",
                               "multiprocessing.reduction",
                               "multiprocessing.spawn",
                               "multiprocessing.context",
                               "multiprocessing.connection",
                               "multiprocessing.queues",
                               "joblib.pool"};

Ref call_bundled(const char* function, PyObject* arguments) {
  if (state.space == nullptr) state.space = load_bundled("patches", state.wire).release();
  PyObject* found = state.space ? PyDict_GetItemString(state.space, function) : nullptr;
  return Ref(found != nullptr ? PyObject_CallObject(found, arguments) : nullptr);
}

// What bundled code imports publicly is not looked for where user code's files are.
PyObject* find_spec(PyObject* /*module*/, PyObject* arguments) {
  PyObject* name = PyTuple_GetItem(arguments, 0);
  const int patched = name != nullptr ? PySet_Contains(state.names, name) : -1;
  if (patched < 0) return nullptr;
  const bool inner = PyTuple_Size(arguments) > 1 && PyTuple_GetItem(arguments, 1) != Py_None;
  Ref spec = inner ? Ref() : own_modules::spec_for_us(name);
  if (PyErr_Occurred() != nullptr) return nullptr;
  if (!spec) spec = Ref::borrow(Py_None);
  if (patched == 0) return spec.release();
  const Ref both(PyTuple_Pack(2, name, spec.get()));
  return both ? call_bundled("find_spec", both.get()).release() : nullptr;
}

void announce_exit(int status) {
  const Ref stack = call_bundled("stack", nullptr);
  auto text = stack ? utf8(stack.get()) : std::nullopt;
  const GilRelease released;
  state.link->send(Exiting{status, std::move(text).value_or("")});
}

PyObject* exit_process(PyObject* /*module*/, PyObject* arguments, PyObject* keywords) {
  c_stdio::flush();
  if (!in_forked_child()) {
    PyObject* status = keywords != nullptr ? PyDict_GetItemString(keywords, "status") : nullptr;
    if (status == nullptr) status = PyTuple_GetItem(arguments, 0);
    const long number = status != nullptr ? PyLong_AsLong(status) : -1;
    if (PyErr_Occurred() == nullptr) announce_exit(static_cast<int>(number));
    PyErr_Clear();
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

// `self` is the original, which does not return when it can do what it is for.
PyObject* become_program(PyObject* self, PyObject* arguments, PyObject* keywords) {
  c_stdio::flush();
  if (!in_forked_child()) {
    const GilRelease released;
    state.link->flush_all();
  }
  return PyObject_Call(self, arguments, keywords);
}

PyMethodDef exec_methods[] = {
    {"execv", guarded_with_keywords<become_program>, METH_VARARGS | METH_KEYWORDS,
     "execv($module, path, argv, /)\n--\n\n"
     "Execute an executable path with arguments, replacing current process."},
    {"execve", guarded_with_keywords<become_program>, METH_VARARGS | METH_KEYWORDS,
     "execve($module, /, path, argv, env)\n--\n\n"
     "Execute an executable path with arguments, replacing current process."}};

// Stands first in sys.meta_path.
bool add_finder() {
  const Ref finder(PyModule_New("_replwire_patches"));
  const Ref function(PyCFunction_NewEx(&find_spec_method, nullptr, nullptr));
  PyObject* finders = PySys_GetObject("meta_path");
  return finder && function && finders != nullptr &&
         PyObject_SetAttrString(finder.get(), "find_spec", function.get()) == 0 &&
         PyList_Insert(finders, 0, finder.get()) == 0;
}

bool replace(const Ref& posix, PyMethodDef& method, PyObject* self) {
  const Ref owner = make_str("posix");
  const Ref function(PyCFunction_NewEx(&method, self, owner.get()));
  PyObject* os = PyDict_GetItemString(PyImport_GetModuleDict(), "os");  // not there with `-S`
  return function && PyObject_SetAttrString(posix.get(), method.ml_name, function.get()) == 0 &&
         (os == nullptr || PyObject_SetAttrString(os, method.ml_name, function.get()) == 0);
}

bool patch_ends() {
  const Ref posix(PyImport_ImportModule("posix"));
  state.exit = posix ? PyObject_GetAttrString(posix.get(), "_exit") : nullptr;
  if (state.exit == nullptr || !replace(posix, exit_method, nullptr)) return false;
  return std::ranges::all_of(exec_methods, [&posix](PyMethodDef& method) {
    const Ref original(PyObject_GetAttrString(posix.get(), method.ml_name));
    return original && replace(posix, method, original.get());
  });
}

// For modules that are there already.
bool patch_now(const char* name) {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), name);
  return module == nullptr || patch_module(name, module);
}

// Where it is there from the start, it holds the code that started us (CPython 3.13, for `-c`). It
// is patched before the first execution.
void empty_linecache() {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "linecache");
  if (module == nullptr) return;
  for (const char* name : {"cache", "_interactive_cache"}) {
    const Ref cache(PyObject_GetAttrString(module, name));
    if (cache && PyDict_Check(cache.get()) != 0) PyDict_Clear(cache.get());
    PyErr_Clear();
  }
}

}  // namespace

bool patch_module(const char* name, PyObject* module) {
  const Ref arguments(Py_BuildValue("(sO)", name, module));
  return arguments && call_bundled("patch", arguments.get());
}

bool install_patches(Link& link, PyObject* wire) {
  state.link = &link;
  state.wire = wire;
  state.names = PySet_New(nullptr);
  for (const char* name : kNames) {
    const Ref text = make_name(name);
    if (state.names == nullptr || !text || PySet_Add(state.names, text.get()) != 0) return false;
    if (name != std::string_view("linecache") && !patch_now(name)) return false;
  }
  empty_linecache();
  return patch_ends() && add_finder();
}

}  // namespace replwire::runtime
