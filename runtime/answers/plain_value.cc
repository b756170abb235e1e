#include "runtime/answers/plain_value.h"

#include <cmath>

#include "text/json_text.h"

namespace replwire::runtime {
namespace {

constexpr long long kLargestInteger = 1LL << 53;

template <class T>
bool is_exactly(PyObject* object, T& type) {
  return reinterpret_cast<PyObject*>(Py_TYPE(object)) == reinterpret_cast<PyObject*>(&type);
}

class Writer {
 public:
  Writer(std::size_t most_bytes, int most_depth)
      : most_bytes_(most_bytes), most_depth_(most_depth) {}

  bool write(PyObject* object, int depth) {
    if (depth > most_depth_ || out_.size() > most_bytes_) return false;
    if (is_exactly(object, PyLong_Type)) return write_integer(object);
    if (is_exactly(object, PyUnicode_Type)) return write_text(object);
    if (object == Py_None) return put("null");
    if (object == Py_True) return put("true");
    if (object == Py_False) return put("false");
    if (is_exactly(object, PyFloat_Type)) return write_float(object);
    if (is_exactly(object, PyDict_Type)) return write_dict(object, depth);
    if (is_exactly(object, PyList_Type))
      return write_items(object, depth, PyList_Size, PyList_GetItem);
    if (is_exactly(object, PyTuple_Type)) {
      return write_items(object, depth, PyTuple_Size, PyTuple_GetItem);
    }
    return false;
  }

  std::string take() { return std::move(out_); }

 private:
  bool put(std::string_view text) {
    out_.append(text);
    return true;
  }

  bool write_integer(PyObject* object) {
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0 || value > kLargestInteger || value < -kLargestInteger) return false;
    text::append_number(out_, static_cast<std::int64_t>(value));
    return true;
  }

  bool write_float(PyObject* object) {
    const double value = PyFloat_AsDouble(object);
    if (!std::isfinite(value)) return false;
    text::append_number(out_, value);
    return true;
  }

  bool write_text(PyObject* object) {
    if (PyUnicode_GetLength(object) > static_cast<Py_ssize_t>(most_bytes_)) return false;
    const auto bytes = utf8(object);
    if (bytes) text::append_quoted(out_, *bytes);
    return bytes.has_value();
  }

  template <class Size, class Get>
  bool write_items(PyObject* object, int depth, Size size, Get get) {
    out_.push_back('[');
    for (Py_ssize_t i = 0; i < size(object); ++i) {
      if (i != 0) out_.push_back(',');
      if (!write(get(object, i), depth + 1)) return false;
    }
    return put("]");
  }

  bool write_dict(PyObject* object, int depth) {
    out_.push_back('{');
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    Py_ssize_t position = 0;
    while (PyDict_Next(object, &position, &key, &value) != 0) {
      if (out_.back() != '{') out_.push_back(',');
      if (!is_exactly(key, PyUnicode_Type) || !write_text(key)) return false;
      out_.push_back(':');
      if (!write(value, depth + 1)) return false;
    }
    return put("}");
  }

  const std::size_t most_bytes_;
  const int most_depth_;
  std::string out_;
};

}  // namespace

std::optional<std::string> plain_json(PyObject* object, std::size_t most_bytes, int most_depth) {
  Writer writer(most_bytes, most_depth);
  const bool written = writer.write(object, 1);
  PyErr_Clear();
  if (!written) return std::nullopt;
  std::string json = writer.take();
  if (json.size() > most_bytes) return std::nullopt;
  return json;
}

}  // namespace replwire::runtime
