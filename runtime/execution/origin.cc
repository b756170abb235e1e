#include "runtime/execution/origin.h"

#include <array>
#include <memory>

#include "runtime/guard.h"
#include "runtime/os/memory_limit.h"

namespace replwire::runtime {
namespace {

// Global, since Python calls its hooks with nothing of ours: a thread's own. The worker's changes
// from Run to Run.
thread_local ExecutionRef origin;
thread_local bool worker = false;
thread_local ExecutionRef origin_of_task;  // by the last look at the context that runs

struct State {
  PyObject* get_of_task;  // the context variable's method; lives as long as the process
  bool loop_runs;         // on the worker
  void (*thread_end)();
};

// Global, since the same holds here.
State state = {nullptr, false, nullptr};

constexpr const char* kCapsule = "replwire.execution";

Ref make_capsule(const ExecutionRef& execution) {
  auto owned = std::make_unique<ExecutionRef>(execution);
  Ref capsule(PyCapsule_New(owned.get(), kCapsule, [](PyObject* object) {
    delete static_cast<ExecutionRef*>(PyCapsule_GetPointer(object, kCapsule));
  }));
  if (capsule) owned.release();
  return capsule;
}

// Runs in the new thread. `self` is (capsule, function).
PyObject* run_thread(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject* capsule = PyTuple_GetItem(self, 0);
  PyObject* function = PyTuple_GetItem(self, 1);
  origin = *static_cast<ExecutionRef*>(PyCapsule_GetPointer(capsule, kCapsule));
  PyObject* result = PyObject_Call(function, args, kwargs);
  if (state.thread_end != nullptr) state.thread_end();
  return result;
}

// Not guarded: Python ends a thread by pthread_exit(), whose way out a handler on the thread's
// stack would end in an abort. It throws nothing.
PyMethodDef run_thread_method = {
    "thread", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(run_thread)),
    METH_VARARGS | METH_KEYWORDS, nullptr};

// Stands for one of _thread's functions, which is `self`; its first argument is what to run.
PyObject* start_thread(PyObject* self, PyObject* args, PyObject* kwargs) {
  const Py_ssize_t size = PyTuple_Size(args);
  PyObject* function = size > 0 ? PyTuple_GetItem(args, 0) : nullptr;
  if (function == nullptr || PyCallable_Check(function) == 0) {
    return PyObject_Call(self, args, kwargs);
  }
  const Ref capsule = make_capsule(Origin::current());
  const Ref bound(capsule ? PyTuple_Pack(2, capsule.get(), function) : nullptr);
  const Ref wrapped(bound ? PyCFunction_NewEx(&run_thread_method, bound.get(), nullptr) : nullptr);
  const Ref all(wrapped ? PyTuple_New(size) : nullptr);
  if (!all) return nullptr;
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyTuple_SetItem(all.get(), i,
                    Ref::borrow(i == 0 ? wrapped.get() : PyTuple_GetItem(args, i)).release());
  }
  const memory_limit::Lifted lifted;  // for its stack
  return PyObject_Call(self, all.get(), kwargs);
}

PyMethodDef start_thread_method = {"start_new_thread", guarded_with_keywords<start_thread>,
                                   METH_VARARGS | METH_KEYWORDS,
                                   "Starts a thread that remembers which execution started it."};

// `threading` keeps names of its own for these when it was imported before us.
bool patch(PyObject* module, const char* name, const char* name_in_threading, PyObject* threading) {
  const Ref original(PyObject_GetAttrString(module, name));
  if (!original) {
    PyErr_Clear();
    return true;  // this Python has none of that name
  }
  const Ref owner = make_str("_thread");
  const Ref wrapper(PyCFunction_NewEx(&start_thread_method, original.get(), owner.get()));
  if (!wrapper || PyObject_SetAttrString(module, name, wrapper.get()) != 0) return false;
  if (threading == nullptr || PyObject_HasAttrString(threading, name_in_threading) == 0)
    return true;
  return PyObject_SetAttrString(threading, name_in_threading, wrapper.get()) == 0;
}

}  // namespace

void Origin::claim_worker() { worker = true; }
bool Origin::is_worker() { return worker; }

const ExecutionRef& Origin::current() {
  return state.get_of_task == nullptr || (worker && !state.loop_runs) ? origin : of_task();
}

const ExecutionRef& Origin::of_task() {
  const SavedError kept;
  const Ref capsule(PyObject_CallNoArgs(state.get_of_task));
  if (!capsule) PyErr_Clear();
  if (!capsule || capsule.get() == Py_None) return origin;
  const auto* execution = static_cast<ExecutionRef*>(PyCapsule_GetPointer(capsule.get(), kCapsule));
  if (origin_of_task != *execution) origin_of_task = *execution;
  return origin_of_task;
}

Ref Origin::capsule() { return make_capsule(origin); }

bool Origin::track_tasks(PyObject* variable) {
  state.get_of_task = PyObject_GetAttrString(variable, "get");
  return state.get_of_task != nullptr;
}

Origin::OfTasks::OfTasks() { state.loop_runs = true; }
Origin::OfTasks::~OfTasks() { state.loop_runs = false; }

void Origin::at_thread_end(void (*function)()) { state.thread_end = function; }

void Origin::set_run(ExecutionRef execution) { origin = std::move(execution); }

bool Origin::patch_threads() {
  const Ref module(PyImport_ImportModule("_thread"));
  if (!module) return false;
  PyObject* loaded = PyImport_GetModuleDict();
  PyObject* threading = PyDict_GetItemString(loaded, "threading");
  return patch(module.get(), "start_new_thread", "_start_new_thread", threading) &&
         patch(module.get(), "start_new", "_start_new_thread", nullptr) &&
         patch(module.get(), "start_joinable_thread", "_start_joinable_thread", threading);
}

}  // namespace replwire::runtime
