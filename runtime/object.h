#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/execution/python_end.h"

namespace replwire::runtime {

// Owns one reference to a Python object, or none. Used with the GIL held.
class Ref {
 public:
  Ref() = default;
  explicit Ref(PyObject* owned) : object_(owned) {}
  static Ref borrow(PyObject* object) {
    Py_XINCREF(object);
    return Ref(object);
  }
  Ref(const Ref& other) : object_(other.object_) { Py_XINCREF(object_); }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

// Lets other Python threads run for the length of a scope.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;
  ~GilRelease() {
    if (python_end::has_begun()) python_end::hold_thread();
    PyEval_RestoreThread(state_);
  }

 private:
  PyThreadState* state_;
};

// Keeps a pending exception apart while other Python code runs.
class SavedError {
 public:
  SavedError() { PyErr_Fetch(&type_, &value_, &traceback_); }
  SavedError(const SavedError&) = delete;
  SavedError& operator=(const SavedError&) = delete;
  ~SavedError() { PyErr_Restore(type_, value_, traceback_); }

 private:
  PyObject* type_ = nullptr;
  PyObject* value_ = nullptr;
  PyObject* traceback_ = nullptr;
};

// The text as UTF-8, lone surrogates as their backslash form. Nothing, with a Python exception
// set, when that failed.
std::optional<std::string> utf8(PyObject* text);

inline Ref make_str(std::string_view text) {
  return Ref(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

// A name made once: looking it up costs neither an allocation nor a hash.
inline Ref make_name(const char* name) { return Ref(PyUnicode_InternFromString(name)); }

// The pending exception as an object with its traceback; none is pending afterwards.
Ref take_exception();

// Its repr(), for a line on standard error.
std::string one_line(const Ref& exception);

}  // namespace replwire::runtime
