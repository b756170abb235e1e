#include "runtime/answers/presenter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/answers/python_json.h"
#include "runtime/bundle.h"
#include "runtime/execution/interrupts.h"
#include "runtime/execution/origin.h"
#include "runtime/guard.h"
#include "runtime/hooks/wire_module.h"
#include "runtime/os/forked.h"
#include "runtime/os/memory_limit.h"
#include "text/json_text.h"

namespace replwire::runtime {
namespace {

// Of the process's one interpreter; no function of user code's leads to it.
struct State {
  Link* link;
  PyObject* wire;    // borrowed; these live as long as the process
  PyObject* show;    // namespace of the bundled module, once it is loaded
  PyObject* at_end;  // shows what is left when an execution ends, if anything can be
};

// Global, since the process has one interpreter.
State state;

// Borrowed; null with a Python exception set.
PyObject* show_space() {
  if (state.show == nullptr) {
    Ref loaded = load_bundled("show", state.wire);
    if (state.show == nullptr) state.show = loaded.release();
  }
  return state.show;
}

PyObject* show(PyObject* /*self*/, PyObject* /*unused*/) {
  return Ref::borrow(show_space()).release();
}

// {MIME type: JSON} as JSON. Nothing, with a Python exception set, when it is not that.
std::optional<std::string> joined(PyObject* forms) {
  std::string text = "{";
  PyObject* kind = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t position = 0;
  if (PyDict_Check(forms) == 0) {
    PyErr_SetString(PyExc_TypeError, "no dict of forms");
    return std::nullopt;
  }
  while (PyDict_Next(forms, &position, &kind, &value) != 0) {
    const auto name = utf8(kind);
    const std::string* json = name ? json_of(value) : nullptr;
    if (json == nullptr) return std::nullopt;
    if (text.size() > 1) text.push_back(',');
    text::append_quoted(text, *name);
    text.append(":").append(*json);
  }
  return text + "}";
}

PyObject* send(Event event) {
  return send_event(*state.link, std::move(event)) ? Py_NewRef(Py_True) : nullptr;
}

// False in a forked child, which has nobody to show anything to.
PyObject* publish(PyObject* /*self*/, PyObject* args) {
  PyObject* forms = nullptr;
  PyObject* told = nullptr;
  const char* id = nullptr;
  int update = 0;
  if (PyArg_ParseTuple(args, "OOzp", &forms, &told, &id, &update) == 0) return nullptr;
  if (in_forked_child()) Py_RETURN_FALSE;
  auto data = joined(forms);
  const std::string* metadata = data ? json_of(told) : nullptr;
  if (metadata == nullptr) return nullptr;
  auto display_id = id != nullptr ? std::optional<std::string>(id) : std::nullopt;
  return send(
      Display{Origin::current(), *std::move(data), *metadata, std::move(display_id), update != 0});
}

PyObject* clear(PyObject* /*self*/, PyObject* wait) {
  const int waits = PyObject_IsTrue(wait);
  if (waits < 0) return nullptr;
  if (in_forked_child()) Py_RETURN_FALSE;
  return send(ClearOutput{Origin::current(), waits == 1});
}

// A thread's figures are shown when it ends: no execution may follow.
void show_at_thread_end() {
  if (state.at_end == nullptr || in_forked_child()) return;
  const SavedError kept;
  if (!Ref(PyObject_CallFunctionObjArgs(state.at_end, Py_True, nullptr)))
    PyErr_WriteUnraisable(state.at_end);
}

PyObject* at_end(PyObject* /*self*/, PyObject* callable) {
  Origin::at_thread_end(show_at_thread_end);
  Py_XDECREF(std::exchange(state.at_end, Ref::borrow(callable).release()));
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"show", guarded<show>, METH_NOARGS, "The namespace of the bundled module show.py."},
    {"publish", guarded<publish>, METH_VARARGS, "publish(forms, metadata, display_id, update)"},
    {"clear_shown", guarded<clear>, METH_O, "clear_shown(wait)"},
    {"at_end", guarded<at_end>, METH_O, "Calls this whenever an execution ends."},
    {nullptr, nullptr, 0, nullptr}};

PyObject* forward(const char* name, PyObject* args, PyObject* kwargs) {
  PyObject* space = show_space();
  PyObject* function = space != nullptr ? PyDict_GetItemString(space, name) : nullptr;
  return function != nullptr ? PyObject_Call(function, args, kwargs) : nullptr;
}

PyObject* display(PyObject* /*self*/, PyObject* args, PyObject* kwargs) {
  return forward("display", args, kwargs);
}

PyObject* update_display(PyObject* /*self*/, PyObject* args, PyObject* kwargs) {
  return forward("update_display", args, kwargs);
}

PyObject* clear_output(PyObject* /*self*/, PyObject* args, PyObject* kwargs) {
  return forward("clear_output", args, kwargs);
}

template <auto function>
PyMethodDef builtin(const char* name, const char* doc) {
  return {name, guarded_with_keywords<function>, METH_VARARGS | METH_KEYWORDS, doc};
}

PyMethodDef builtins[] = {
    builtin<display>("display",
                     "display($module, /, *objs, include=None, exclude=None, metadata=None,\n"
                     "        transient=None, display_id=None, raw=False, clear=False)\n--\n\n"
                     "Show objects to the client, each in all the forms that it has.\n\n"
                     "With a display_id (True: a new one) return a handle whose update() shows\n"
                     "something else in its place."),
    builtin<update_display>(
        "update_display",
        "update_display($module, obj, /, *, display_id, **options)\n--\n\n"
        "Show something else in place of what was shown under this display_id."),
    builtin<clear_output>(
        "clear_output",
        "clear_output($module, /, wait=False)\n--\n\n"
        "Have the client clear what the execution has shown; with wait, only when\n"
        "something new comes.")};

// Their values are all said by repr: no look for other forms, which would cost each plain result.
bool is_plain(PyObject* value) {
  static const std::array<PyTypeObject*, 16> kTypes = {
      &PyLong_Type,      &PyUnicode_Type, &PyFloat_Type,     &PyBool_Type,
      &PyList_Type,      &PyDict_Type,    &PyTuple_Type,     &PySet_Type,
      &PyFrozenSet_Type, &PyBytes_Type,   &PyByteArray_Type, &PyComplex_Type,
      &PyRange_Type,     &PyType_Type,    &PyCFunction_Type, &PyModule_Type};
  return std::ranges::find(kTypes, Py_TYPE(value)) != kTypes.end();
}

}  // namespace

bool show_before_question() {
  if (state.at_end == nullptr || !Origin::is_worker()) return true;
  return static_cast<bool>(Ref(PyObject_CallNoArgs(state.at_end)));
}

bool Presenter::start(PyObject* wire) {
  const Ref sys(PyImport_ImportModule("sys"));  // the public one
  if (!sys) return false;
  state = {&link_, wire, nullptr, nullptr};
  if (!add_functions(wire, methods) ||
      PyModule_AddIntConstant(wire, "MOST_BYTES", kDisplayBytes) != 0) {
    return false;
  }
  sys_ = Ref::borrow(PyModule_GetDict(sys.get()));
  hook_name_ = make_name("displayhook");
  original_hook_ = Ref::borrow(PyDict_GetItemWithError(sys_.get(), hook_name_.get()));
  const Ref owner = make_str("builtins");
  return std::ranges::all_of(builtins, [this, &owner](PyMethodDef& method) {
    const Ref function(PyCFunction_NewEx(&method, nullptr, owner.get()));
    return function &&
           PyDict_SetItemString(PyEval_GetBuiltins(), method.ml_name, function.get()) == 0;
  });
}

Ref Presenter::user_hook() const {
  PyObject* hook = PyDict_GetItemWithError(sys_.get(), hook_name_.get());
  return hook == original_hook_.get() ? Ref() : Ref::borrow(hook);
}

std::optional<Forms> Presenter::forms(const Ref& value, const Ref& repr) {
  if (!formatters_ && is_plain(value.get())) return std::nullopt;
  PyObject* space = show_space();
  PyObject* function = space != nullptr ? PyDict_GetItemString(space, "of_result") : nullptr;
  if (function == nullptr) return std::nullopt;
  const Ref found(PyObject_CallFunctionObjArgs(function, value.get(), repr.get(), nullptr));
  if (!found || found.get() == Py_None) return std::nullopt;
  if (PyTuple_Size(found.get()) == 0) return Forms{};
  auto data = joined(PyTuple_GetItem(found.get(), 0));
  PyObject* told = PyTuple_GetItem(found.get(), 1);
  const std::string* metadata = data && told != Py_None ? json_of(told) : nullptr;
  if (!data) return std::nullopt;
  return Forms{*std::move(data),
               metadata != nullptr ? std::optional<std::string>(*metadata) : std::nullopt};
}

void Presenter::finish() {
  if (state.at_end == nullptr) return;
  if (PyErr_Occurred() == nullptr) return call_at_end();
  const SavedError kept;
  call_at_end();
  PyErr_Clear();
}

void Presenter::call_at_end() {
  const memory_limit::Scope limited;
  const interrupts::Window window;
  const Ref called(PyObject_CallNoArgs(state.at_end));
}

}  // namespace replwire::runtime
