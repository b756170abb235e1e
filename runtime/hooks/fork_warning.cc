#include "runtime/hooks/fork_warning.h"

#include <unistd.h>

#include "runtime/guard.h"
#include "runtime/object.h"

namespace replwire::runtime {
namespace {

// Those that Python has started; the first does not count.
bool has_user_threads() {
  static PyObject* const function = [] {  // kept: exit() may be called without the GIL
    const Ref module(PyImport_ImportModule("_thread"));
    return module ? PyObject_GetAttrString(module.get(), "_count") : nullptr;
  }();
  const Ref count(function != nullptr ? PyObject_CallNoArgs(function) : nullptr);
  const long threads = count ? PyLong_AsLong(count.get()) : 0;
  PyErr_Clear();
  return threads > 0;
}

// The active filters: those of `warnings` where that is imported, and user code may replace them.
Ref filters() {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "warnings");
  const Ref own(module == nullptr ? PyImport_ImportModule("_warnings")
                                  : Ref::borrow(module).release());
  Ref list(own ? PyObject_GetAttrString(own.get(), "filters") : nullptr);
  PyErr_Clear();
  return list && PyList_Check(list.get()) != 0 ? std::move(list) : Ref();
}

// Ignores the very text of this process's warning, and nothing else.
Ref filter(PyObject* function) {
  const Ref name(PyObject_GetAttrString(function, "__name__"));
  const auto called = name ? utf8(name.get()) : std::nullopt;
  PyErr_Clear();
  const std::string text = "This process (pid=" + std::to_string(::getpid()) +
                           ") is multi-threaded, use of " + called.value_or("fork") +
                           "() may lead to deadlocks in the child.";
  return Ref(
      Py_BuildValue("(ssOOi)", "ignore", text.c_str(), PyExc_DeprecationWarning, Py_None, 0));
}

// While it lives a filter, if there is one, comes before all others.
class FirstFilter {
 public:
  explicit FirstFilter(Ref filter) : filter_(std::move(filter)) {
    if (filter_) active_ = filters();
    if (active_ && PyList_Insert(active_.get(), 0, filter_.get()) != 0) active_ = {};
    PyErr_Clear();
  }
  FirstFilter(const FirstFilter&) = delete;
  FirstFilter& operator=(const FirstFilter&) = delete;
  ~FirstFilter() {
    if (!active_) return;
    const SavedError kept;
    const Py_ssize_t size = PyList_Size(active_.get());
    Py_ssize_t place = 0;
    while (place < size && PyList_GetItem(active_.get(), place) != filter_.get()) ++place;
    if (place < size) PySequence_DelItem(active_.get(), place);
    PyErr_Clear();
  }

 private:
  Ref filter_;
  Ref active_;
};

// `self` is the original.
PyObject* fork_quietly(PyObject* self, PyObject* args) {
  const FirstFilter ours(has_user_threads() ? Ref() : filter(self));
  return PyObject_CallObject(self, args);
}

constexpr std::string_view kOfIpython = "IPython.core.history";

// Whether handlers are registered that may warn. Global, since they are the process's.
bool are_handlers = false;

bool is_of_python(const std::string& module) {
  PyObject* names = PySys_GetObject("stdlib_module_names");
  const Ref package = make_str(module.substr(0, module.find('.')));
  const bool found = names != nullptr && package && PySequence_Contains(names, package.get()) > 0;
  PyErr_Clear();
  return found;
}

std::optional<std::string> module_of(PyObject* handler) {
  const Ref name(PyObject_GetAttrString(handler, "__module__"));
  auto module = name && PyUnicode_Check(name.get()) != 0 ? utf8(name.get()) : std::nullopt;
  PyErr_Clear();
  return module;
}

// IPython's handler stops the threads that save a history, those of all managers in a set. The set
// is empty in most sessions. Python code that finds this out writes to 16 pages of memory, and each
// of them is copied because a snapshot shares it. `self`: the handler, a method of the class that
// has the set.
PyObject* stop_threads_if_any(PyObject* self, PyObject* /*unused*/) {
  const Ref owner(PyObject_GetAttrString(self, "__self__"));
  const Ref managers(owner ? PyObject_GetAttrString(owner.get(), "_instances") : nullptr);
  const Ref data(managers ? PyObject_GetAttrString(managers.get(), "data") : nullptr);
  PyErr_Clear();
  if (data && PyAnySet_Check(data.get()) != 0 && PySet_Size(data.get()) == 0) Py_RETURN_NONE;
  return PyObject_CallNoArgs(self);
}

PyMethodDef stop_threads_method = {"_stop_thread", guarded<stop_threads_if_any>, METH_NOARGS,
                                   nullptr};

// The standard library's own handlers, and IPython's, do not warn. They are known by the module of
// the function; a lock's methods have none. A functools.partial may call any function.
bool may_warn(PyObject* handler) {
  const auto module = module_of(handler);
  if (!module || *module == kOfIpython) return false;
  return *module == "functools" || !is_of_python(*module);
}

// `self` is the original.
PyObject* note_handlers(PyObject* self, PyObject* args, PyObject* kwargs) {
  for (const char* when : {"before", "after_in_parent"}) {
    PyObject* handler = kwargs != nullptr ? PyDict_GetItemString(kwargs, when) : nullptr;
    are_handlers = are_handlers || (handler != nullptr && may_warn(handler));
  }
  PyObject* before = kwargs != nullptr ? PyDict_GetItemString(kwargs, "before") : nullptr;
  if (before != nullptr && module_of(before) == kOfIpython) {
    const Ref quick(PyCFunction_NewEx(&stop_threads_method, before, nullptr));
    if (!quick || PyDict_SetItemString(kwargs, "before", quick.get()) != 0) return nullptr;
  }
  return PyObject_Call(self, args, kwargs);
}

PyMethodDef register_method = {"register_at_fork", guarded_with_keywords<note_handlers>,
                               METH_VARARGS | METH_KEYWORDS,
                               "Register callables to be called when forking a new process."};
PyMethodDef fork_method = {"fork", guarded<fork_quietly>, METH_VARARGS, "Fork a child process."};
PyMethodDef forkpty_method = {"forkpty", guarded<fork_quietly>, METH_VARARGS,
                              "Fork a new process with a new pseudo-terminal as controlling tty."};

bool patch(PyObject* posix, PyMethodDef& method) {
  const Ref original(PyObject_GetAttrString(posix, method.ml_name));
  const Ref owner = make_str("posix");
  const Ref wrapper(original ? PyCFunction_NewEx(&method, original.get(), owner.get()) : nullptr);
  PyObject* os = PyDict_GetItemString(PyImport_GetModuleDict(), "os");
  return wrapper && PyObject_SetAttrString(posix, method.ml_name, wrapper.get()) == 0 &&
         (os == nullptr || PyObject_SetAttrString(os, method.ml_name, wrapper.get()) == 0);
}

bool warns() {
  PyObject* info = PySys_GetObject("version_info");
  return info != nullptr && PyLong_AsLong(PyTuple_GetItem(info, 1)) >= 12;
}

}  // namespace

void prepare_own_fork() {
  if (!are_handlers) return PyOS_BeforeFork();  // what follows writes to ten pages more
  static PyObject* const all =
      Py_BuildValue("(sOOOi)", "ignore", Py_None, PyExc_Warning, Py_None, 0);
  // A thread may keep all filters that there are, for a while: warnings.catch_warnings().
  const FirstFilter none(has_user_threads() ? Ref() : Ref::borrow(all));
  PyOS_BeforeFork();
}

bool patch_forks() {
  const Ref posix(PyImport_ImportModule("posix"));
  if (!posix || !patch(posix.get(), register_method)) return false;
  return !warns() || (patch(posix.get(), fork_method) && patch(posix.get(), forkpty_method));
}

}  // namespace replwire::runtime
