#pragma once

#include <string_view>

#include "runtime/object.h"

// The buffer protocol is in the Limited API from 3.11 on, and in 3.10 it is just the same.
namespace replwire::runtime {

struct BufferFields {
  void* bytes;
  PyObject* owner;
  Py_ssize_t size;
  Py_ssize_t item_size;
  int readonly;
  int dimensions;
  char* format;
  Py_ssize_t* shape;
  Py_ssize_t* strides;
  Py_ssize_t* suboffsets;
  void* internal;
};

extern "C" int PyObject_GetBuffer(PyObject* object, BufferFields* view, int flags);
extern "C" void PyBuffer_Release(BufferFields* view);

// The memory of an object that has its bytes in a row, for the length of a scope. Used with the GIL
// held; the bytes may be read without.
class Buffer {
 public:
  explicit Buffer(PyObject* object) : held_(PyObject_GetBuffer(object, &view_, 0) == 0) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (held_) PyBuffer_Release(&view_);
  }

  // False with a Python exception set.
  explicit operator bool() const { return held_; }
  std::string_view bytes() const {
    return {static_cast<const char*>(view_.bytes), static_cast<std::size_t>(view_.size)};
  }

 private:
  BufferFields view_ = {};
  bool held_;
};

}  // namespace replwire::runtime
