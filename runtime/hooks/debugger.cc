#include "runtime/hooks/debugger.h"

#include <utility>

#include "runtime/bundle.h"
#include "runtime/execution/interrupts.h"
#include "runtime/execution/user_context.h"
#include "runtime/guard.h"
#include "runtime/hooks/wire_module.h"
#include "runtime/os/forked.h"

namespace replwire::runtime::debugger {
namespace {

struct State {
  Link* link;
  PyObject* wire;   // borrowed; lives as long as the process, as `space` does
  PyObject* space;  // of the bundled module, once it is loaded
};

// Global, since the process has one interpreter.
State state = {};

// Nothing before the first `listen`.
template <class... Arguments>
Ref call_bundled(const char* name, Arguments*... arguments) {
  PyObject* function = state.space != nullptr ? PyDict_GetItemString(state.space, name) : nullptr;
  return function != nullptr ? Ref(PyObject_CallFunctionObjArgs(function, arguments..., nullptr))
                             : Ref();
}

// A debugger that has a fault of its own costs the code nothing.
template <class... Arguments>
void notify(const char* name, Arguments*... arguments) {
  if (state.space == nullptr) return;
  const SavedError kept;
  if (!call_bundled(name, arguments...)) PyErr_Clear();
}

std::string text_at(const Ref& tuple, Py_ssize_t n) {
  return utf8(PyTuple_GetItem(tuple.get(), n)).value_or("");
}

PyObject* note_held(PyObject* /*self*/, PyObject* threads) {
  const long more = PyLong_AsLong(threads);
  if (PyErr_Occurred() != nullptr) return nullptr;
  if (!in_forked_child()) {
    const GilRelease released;
    state.link->send(Held{static_cast<int>(more)});
  }
  Py_RETURN_NONE;
}

PyMethodDef wire_methods[] = {
    {"note_held", guarded<note_held>, METH_O, "So many threads more, or fewer, are held."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool connect(Link& link, PyObject* wire) {
  state = {&link, wire, nullptr};
  const Ref worker(PyLong_FromUnsignedLong(PyThread_get_thread_ident()));
  return worker && PyObject_SetAttrString(wire, "worker", worker.get()) == 0 &&
         add_functions(wire, wire_methods);
}

Listening listen(const Debug& where) {
  if (state.space == nullptr) state.space = load_bundled("debugging", state.wire).release();
  const Ref host = make_str(where.host);
  const Ref port(PyLong_FromLongLong(where.port));
  const Ref told = call_bundled("listen", host.get(), port.get());
  if (!told) return {};
  return {text_at(told, 0), PyLong_AsLongLong(PyTuple_GetItem(told.get(), 1)), text_at(told, 2),
          text_at(told, 3)};
}

void begin() { notify("begin"); }

// It may hold the code, as it is after its end; an interrupt lets it go.
void failed(const Ref& exception) {
  if (state.space == nullptr) return;
  const user_context::Scope context;
  const interrupts::Window window;
  notify("failed", exception.get());
}

Hidden::Hidden() { notify("hide"); }
Hidden::~Hidden() { notify("leave"); }

}  // namespace replwire::runtime::debugger
