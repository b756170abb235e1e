#include "runtime/object.h"

namespace replwire::runtime {

std::optional<std::string> utf8(PyObject* text) {
  Py_ssize_t size = 0;
  if (const char* bytes = PyUnicode_AsUTF8AndSize(text, &size)) return std::string(bytes, size);
  if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return std::nullopt;
  PyErr_Clear();
  const Ref encoded(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
  char* bytes = nullptr;
  if (!encoded || PyBytes_AsStringAndSize(encoded.get(), &bytes, &size) != 0) return std::nullopt;
  return std::string(bytes, size);
}

Ref take_exception() {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (value != nullptr && traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return Ref(value);
}

std::string one_line(const Ref& exception) {
  const Ref shown(exception ? PyObject_Repr(exception.get()) : nullptr);
  auto text = shown ? utf8(shown.get()) : std::nullopt;
  PyErr_Clear();
  return text.value_or("no exception");
}

}  // namespace replwire::runtime
