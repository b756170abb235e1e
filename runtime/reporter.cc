#include "runtime/reporter.h"

#include "runtime/bundle.h"
#include "runtime/interrupts.h"
#include "text/json_text.h"

namespace replwire::runtime {
namespace {

PyObject* function(const Ref& space, const char* name) {
  return PyDict_GetItemString(space.get(), name);
}

std::string text_or(PyObject* text, std::string other) {
  auto bytes = text != nullptr && PyUnicode_Check(text) != 0 ? utf8(text) : std::nullopt;
  PyErr_Clear();
  return bytes ? *std::move(bytes) : std::move(other);
}

std::optional<std::string> text_or_none(PyObject* text) {
  if (text == Py_None) return std::nullopt;
  return text_or(text, "[]");
}

std::string type_name(const Ref& exception) {
  const Ref type = Ref::borrow(reinterpret_cast<PyObject*>(Py_TYPE(exception.get())));
  const Ref name(PyObject_GetAttrString(type.get(), "__qualname__"));
  return text_or(name.get(), "Exception");
}

// All that can be told when telling more has failed.
Report bare_report(const Ref& exception) {
  Report bare;
  bare.type = type_name(exception);
  bare.traceback = bare.type + "\n";
  return bare;
}

// As SystemExit holds it: integer, string or null; another object's str.
std::string exit_code(const Ref& exception) {
  const Ref code(PyObject_GetAttrString(exception.get(), "code"));
  std::string json = "null";
  if (code && code.get() != Py_None) {
    const bool number = PyLong_Check(code.get()) != 0;
    const Ref text(number ? PyNumber_ToBase(code.get(), 10) : PyObject_Str(code.get()));
    if (text && number) json = text_or(text.get(), "null");
    if (text && !number) {
      json.clear();
      text::append_quoted(json, text_or(text.get(), ""));
    }
  }
  PyErr_Clear();
  return json;
}

bool call_hook(const Ref& hook, const Ref& exception) {
  const Ref traceback(PyException_GetTraceback(exception.get()));
  return static_cast<bool>(Ref(PyObject_CallFunctionObjArgs(
      hook.get(), reinterpret_cast<PyObject*>(Py_TYPE(exception.get())), exception.get(),
      traceback ? traceback.get() : Py_None, nullptr)));
}

bool is(const Ref& exception, PyObject* type) {
  return PyErr_GivenExceptionMatches(exception.get(), type) != 0;
}

}  // namespace

bool Reporter::start(PyObject* wire) {
  wire_ = Ref::borrow(wire);
  co_consts_ = make_name("co_consts");
  return static_cast<bool>(co_consts_);
}

bool Reporter::has_nested_code(PyObject* code) const {
  const Ref constants(PyObject_GetAttr(code, co_consts_.get()));
  const Py_ssize_t size = constants ? PyTuple_Size(constants.get()) : 0;
  for (Py_ssize_t i = 0; i < size; ++i) {
    if (Py_TYPE(PyTuple_GetItem(constants.get(), i)) == Py_TYPE(code)) return true;
  }
  return false;
}

// Null with a Python exception set.
PyObject* Reporter::source_function(const char* name) {
  if (!sources_) sources_ = Ref(PyObject_GetAttrString(wire_.get(), "sources"));
  return sources_ ? function(sources_, name) : nullptr;
}

void Reporter::remember(const Run& run, const Cell& cell) {
  for (const Ref* code : {&cell.body, &cell.expression}) {
    if (!*code || !has_nested_code(code->get())) continue;
    const Ref source = make_str(run.code);
    const Ref kept(PyObject_CallFunction(source_function("remember"), "OOLO", cell.filename.get(),
                                         source.get(), static_cast<long long>(run.first_line),
                                         code->get()));
    if (!kept) PyErr_Clear();
  }
}

bool Reporter::keep_while_reported(const Run& run, const Cell& cell) {
  const Ref codes(PyTuple_Pack(2, cell.body ? cell.body.get() : Py_None,
                               cell.expression ? cell.expression.get() : Py_None));
  const Ref source = make_str(run.code);
  return codes && Ref(PyObject_CallFunction(source_function("keep_cell"), "OOLO",
                                            cell.filename.get(), source.get(),
                                            static_cast<long long>(run.first_line), codes.get()));
}

bool Reporter::load() {
  if (!report_) report_ = load_bundled("report", wire_.get());
  return static_cast<bool>(report_);
}

Report Reporter::report(const Ref& exception) {
  // An interrupt may end what user code does in a __str__ here. One that hits our own code
  // instead only makes us start again.
  constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    const interrupts::Window window;
    PyObject* source_of = load() ? source_function("of") : nullptr;
    const Ref told(source_of != nullptr
                       ? PyObject_CallFunctionObjArgs(function(report_, "report"), exception.get(),
                                                      source_of, nullptr)
                       : nullptr);
    if (told) {
      const auto at = [&told](Py_ssize_t n) { return PyTuple_GetItem(told.get(), n); };
      return {text_or(at(0), ""),   text_or(at(1), ""),  text_or(at(2), ""),
              text_or(at(3), "[]"), text_or_none(at(4)), text_or_none(at(5))};
    }
    const bool again = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0;
    PyErr_Clear();
    if (!again) break;
  }
  return bare_report(exception);
}

// A sys.excepthook of user code's own is called as Python would; what it raises is shown.
void Reporter::call_user_hook(const Ref& exception) {
  const Ref hook = Ref::borrow(PySys_GetObject("excepthook"));
  const Ref original = Ref::borrow(PySys_GetObject("__excepthook__"));
  if (!hook || hook.get() == original.get()) return;
  const interrupts::Window window;
  if (call_hook(hook, exception)) return;
  const Ref failure = take_exception();
  PySys_WriteStderr("Error in sys.excepthook:\n");
  if (original && failure) call_hook(original, failure);
  PyErr_Clear();
}

Outcome Reporter::outcome(const Ref& exception, const Run& run, const Cell* cell) {
  if (cell != nullptr && !keep_while_reported(run, *cell)) PyErr_Clear();
  Report told = report(exception);
  told_ = true;
  if (report_) {
    const Ref set(
        PyObject_CallFunctionObjArgs(function(report_, "set_last"), exception.get(), nullptr));
  }
  PyErr_Clear();
  if (is(exception, PyExc_SystemExit)) return Exited{std::move(told), exit_code(exception)};
  call_user_hook(exception);
  if (is(exception, PyExc_KeyboardInterrupt)) return Interrupted{std::move(told)};
  if (is(exception, PyExc_MemoryError)) return OutOfMemory{std::move(told)};
  return Raised{std::move(told)};
}

std::string Reporter::summary(const Ref& exception) {
  const Report told = report(exception);
  return told.message.empty() ? told.type : told.type + ": " + told.message;
}

}  // namespace replwire::runtime
