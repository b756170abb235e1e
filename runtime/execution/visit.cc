#include "runtime/execution/visit.h"

#include <pthread.h>

namespace replwire::runtime {
namespace {

struct State {
  std::mutex visiting;
  PyInterpreterState* interpreter;
  // Held while a thread state is made. That takes a lock of Python's without the GIL, and a child
  // that is forked meanwhile waits for it for ever (3.10 and 3.11): so a fork waits for this one.
  // Later versions see to it, and from 3.13 on hold Python's lock when they come to this one.
  std::mutex making;
  bool forks_wait;
};

// Global, since the process has one interpreter, and the handlers of pthread_atfork are given
// nothing.
State state;

PyThreadState* make_state() {
  if (!state.forks_wait) return PyThreadState_New(state.interpreter);
  const std::lock_guard lock(state.making);
  return PyThreadState_New(state.interpreter);
}

long minor_version() {
  PyObject* info = PySys_GetObject("version_info");
  return info != nullptr ? PyLong_AsLong(PyTuple_GetItem(info, 1)) : 0;
}

}  // namespace

void Visit::prepare() {
  state.interpreter = PyInterpreterState_Get();
  state.forks_wait = minor_version() < 12;
  if (!state.forks_wait) return;
  pthread_atfork([] { state.making.lock(); }, [] { state.making.unlock(); },
                 [] { state.making.unlock(); });
}

// PyGILState_Ensure() in two steps.
Visit::Visit() {
  state.visiting.lock();
  PyEval_RestoreThread(make_state());
}

Visit::~Visit() {
  PyGILState_Release(PyGILState_UNLOCKED);
  state.visiting.unlock();
}

void Visit::end_all() {
  const GilRelease released;
  state.visiting.lock();
}

}  // namespace replwire::runtime
