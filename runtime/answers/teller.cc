#include "runtime/answers/teller.h"

#include <string>
#include <string_view>
#include <utility>

#include "runtime/answers/python_json.h"
#include "runtime/guard.h"
#include "runtime/hooks/wire_module.h"
#include "runtime/os/forked.h"
#include "text/utf8.h"

namespace replwire::runtime {
namespace {

// At most `limit` bytes of whole characters.
std::string cut(std::string_view text, std::size_t limit) {
  text = text.substr(0, limit);
  return std::string(text.substr(0, text.size() - text::incomplete_tail(text)));
}

}  // namespace

PyObject* Teller::tell_value(PyObject* self, PyObject* args) {
  auto* const teller = static_cast<Teller*>(PyCapsule_GetPointer(self, nullptr));
  long long line = 0;
  PyObject* value = nullptr;
  if (teller == nullptr || PyArg_ParseTuple(args, "LO", &line, &value) == 0 ||
      !teller->send(value, line)) {
    return nullptr;
  }
  Py_RETURN_NONE;
}

bool Teller::start(PyObject* wire) {
  // Static, since CPython takes it as mutable and keeps its address.
  static PyMethodDef method = {"tell_value", guarded<tell_value>, METH_VARARGS, nullptr};
  const Ref self(PyCapsule_New(this, nullptr, nullptr));
  const Ref function(self ? PyCFunction_NewEx(&method, self.get(), nullptr) : nullptr);
  return function && PyObject_SetAttrString(wire, method.ml_name, function.get()) == 0;
}

bool Teller::send(PyObject* value, std::int64_t line) {
  Value told = {run_->execution, line, {}};
  if (!show(*run_, Ref::borrow(value), told.value)) return false;
  return !told.value.repr || in_forked_child() || send_event(link_, std::move(told));
}

// A sys.displayhook of user code's own shows the value in our place.
bool Teller::show(const Run& run, const Ref& value, Presentation& told) {
  const Ref hook = presenter_.user_hook();
  if (!hook && (value.get() == Py_None || ipython_.is_quiet())) return PyErr_Occurred() == nullptr;
  if (hook) {
    const Ref called(PyObject_CallFunctionObjArgs(hook.get(), value.get(), nullptr));
    if (!called || value.get() == Py_None) return static_cast<bool>(called);
  } else {
    if (!say(run, value, told)) return false;
    if (run.store_history && !keep(run, value)) return false;
  }
  if (PyErr_CheckSignals() != 0) return false;
  told.value = plain_json(value.get());
  return true;
}

bool Teller::keep(const Run& run, const Ref& value) {
  if (ipython_.on()) return ipython_.keep(value, run.execution->count);
  main_.shift_results(value.get());
  return true;
}

bool Teller::say(const Run& run, const Ref& value, Presentation& told) {
  const Ref shown(PyObject_Repr(value.get()));
  if (!shown) return false;
  auto text = utf8(shown.get());
  if (!text) return false;
  if (text->size() > run.repr_limit) {
    told.repr_characters = PyUnicode_GetLength(shown.get());
    *text = cut(*text, run.repr_limit);
  }
  told.repr = std::move(text);
  if (auto forms = presenter_.forms(value, shown)) {
    if (forms->data.empty()) {
      told = {};
      return true;
    }
    told.display = std::move(forms->data);
    told.display_metadata = std::move(forms->metadata);
  }
  return PyErr_Occurred() == nullptr;
}

}  // namespace replwire::runtime
