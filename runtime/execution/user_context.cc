#include "runtime/execution/user_context.h"

// No part of the Limited API, so not every Python has to have them.
extern "C" __attribute__((weak)) PyObject* PyContext_CopyCurrent();
extern "C" __attribute__((weak)) int PyContext_Enter(PyObject* context);
extern "C" __attribute__((weak)) int PyContext_Exit(PyObject* context);

namespace replwire::runtime::user_context {
namespace {

// Global, since the process has one interpreter.
PyObject* context = nullptr;  // lives as long as the process

}  // namespace

bool make() {
  if (PyContext_CopyCurrent == nullptr || PyContext_Enter == nullptr || PyContext_Exit == nullptr)
    return true;
  context = PyContext_CopyCurrent();
  return context != nullptr;
}

PyObject* object() { return context != nullptr ? context : Py_None; }

void forget() { Py_CLEAR(context); }

Scope::Scope() {
  if (context != nullptr && PyContext_Enter(context) != 0) PyErr_Clear();
}

Scope::~Scope() {
  if (context == nullptr) return;
  const SavedError kept;
  if (PyContext_Exit(context) != 0) PyErr_Clear();
}

}  // namespace replwire::runtime::user_context
