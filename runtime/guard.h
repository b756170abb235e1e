#pragma once

#include <cxxabi.h>

#include <exception>
#include <new>

#include "runtime/object.h"

// No C++ exception leaves through a C frame of CPython's: what it calls of ours is given to it as
// `guarded<function>`, which turns one into a Python error.
namespace replwire::runtime {

// For a handler: the exception in hand becomes the pending Python error. The unwinding of a thread
// that Python ends (pthread_exit) goes on.
inline PyObject* take_cpp_exception() {
  try {
    throw;
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_SystemError, error.what());
  } catch (...) {
    PyErr_SetString(PyExc_SystemError, "an exception of C++");
  }
  return nullptr;
}

template <auto function>
struct Guard;
template <class... Arguments, PyObject* (*function)(Arguments...)>
struct Guard<function> {
  static PyObject* call(Arguments... arguments) {
    try {
      return function(arguments...);
    } catch (...) {
      return take_cpp_exception();
    }
  }
};

// These read as functions, which they stand for.
// NOLINTBEGIN(readability-identifier-naming)
template <auto function>
inline constexpr auto guarded = &Guard<function>::call;
// As a PyMethodDef wants one that takes keywords.
template <auto function>
inline const auto guarded_with_keywords =
    reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(guarded<function>));
// NOLINTEND(readability-identifier-naming)

}  // namespace replwire::runtime
