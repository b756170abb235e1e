#include "runtime/answers/python_json.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <string_view>

#include "text/base64.h"
#include "text/json_text.h"

namespace replwire::runtime {
namespace {

constexpr int kDeepest = 60;
constexpr long long kLargestInteger = 1LL << 53;  // that every reader of JSON takes as it is
constexpr const char* kCapsule = "replwire.json";

struct Rules {
  bool plain;        // exact types, and nothing that JSON could not give back
  bool nan_is_null;  // of what is not plain
  std::size_t most_bytes;
  int most_depth;
};

class Writer {
 public:
  explicit Writer(const Rules& rules) : rules_(rules) {}

  // False, with a Python exception set if this is not about plain data.
  bool write(PyObject* value, int depth) {
    if (depth > rules_.most_depth) {
      PyErr_Format(PyExc_ValueError, "JSON data nested deeper than %d", rules_.most_depth);
      return false;
    }
    if (out_.size() > rules_.most_bytes) return false;
    if (value == Py_None) return put("null");
    if (value == Py_True) return put("true");
    if (value == Py_False) return put("false");
    if (is(value, PyLong_Type)) return write_integer(value);
    if (is(value, PyUnicode_Type)) return write_text(value);
    if (is(value, PyFloat_Type)) return write_float(value);
    if (is(value, PyDict_Type)) return write_dict(value, depth);
    if (is(value, PyList_Type)) return write_items(value, depth, PyList_Size, PyList_GetItem);
    if (is(value, PyTuple_Type)) return write_items(value, depth, PyTuple_Size, PyTuple_GetItem);
    return !rules_.plain && write_bytes(value);
  }

  std::string take() { return std::move(out_); }

 private:
  bool is(PyObject* value, PyTypeObject& type) const {
    return Py_TYPE(value) == &type || (!rules_.plain && PyType_IsSubtype(Py_TYPE(value), &type));
  }

  bool put(std::string_view text) {
    out_.append(text);
    return true;
  }

  bool write_text(PyObject* value) {
    if (PyUnicode_GetLength(value) > static_cast<Py_ssize_t>(rules_.most_bytes)) return false;
    const auto text = utf8(value);
    if (text) text::append_quoted(out_, *text);
    return text.has_value();
  }

  bool write_integer(PyObject* value) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0 && number <= kLargestInteger && number >= -kLargestInteger) {
      text::append_number(out_, static_cast<std::int64_t>(number));
      return true;
    }
    if (rules_.plain) return false;
    const Ref digits(PyNumber_ToBase(value, 10));
    const auto text = digits ? utf8(digits.get()) : std::nullopt;
    return text && put(*text);
  }

  bool write_float(PyObject* value) {
    const double number = PyFloat_AsDouble(value);
    if (std::isfinite(number)) {
      text::append_number(out_, number);
      return true;
    }
    if (rules_.nan_is_null) return put("null");
    const char* name = std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
    PyErr_Format(PyExc_ValueError, "%s is no JSON; None is, or a string", name);
    return false;
  }

  template <class Size, class Get>
  bool write_items(PyObject* value, int depth, Size size, Get get) {
    out_.push_back('[');
    for (Py_ssize_t i = 0; i < size(value); ++i) {
      if (i != 0) out_.push_back(',');
      const Ref item = Ref::borrow(get(value, i));
      if (!write(item.get(), depth + 1)) return false;
    }
    return put("]");
  }

  bool write_dict(PyObject* value, int depth) {
    if (PyDict_Size(value) > static_cast<Py_ssize_t>(rules_.most_bytes)) return false;
    const Ref items(PyDict_Items(value));  // at one moment: a key's str() may be user code
    const Py_ssize_t size = items ? PyList_Size(items.get()) : -1;
    if (size < 0) return false;
    out_.push_back('{');
    for (Py_ssize_t i = 0; i < size; ++i) {
      if (i != 0) out_.push_back(',');
      PyObject* item = PyList_GetItem(items.get(), i);
      if (!write_key(PyTuple_GetItem(item, 0))) return false;
      out_.push_back(':');
      if (!write(PyTuple_GetItem(item, 1), depth + 1)) return false;
    }
    return put("}");
  }

  bool write_key(PyObject* key) {
    if (is(key, PyUnicode_Type)) return write_text(key);
    const Ref text(rules_.plain ? nullptr : PyObject_Str(key));
    return text && write_text(text.get());
  }

  bool write_bytes(PyObject* value) {
    const bool known =
        is(value, PyBytes_Type) || is(value, PyByteArray_Type) || is(value, PyMemoryView_Type);
    if (!known) {
      const Ref name(
          PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(value)), "__name__"));
      if (name) PyErr_Format(PyExc_TypeError, "no JSON data: %S", name.get());
      return false;
    }
    const Ref bytes(PyBytes_FromObject(value));
    char* data = nullptr;
    Py_ssize_t size = 0;
    if (!bytes || PyBytes_AsStringAndSize(bytes.get(), &data, &size) != 0) return false;
    text::append_quoted(out_, text::base64({data, static_cast<std::size_t>(size)}));
    return true;
  }

  const Rules rules_;
  std::string out_;
};

}  // namespace

std::optional<std::string> plain_json(PyObject* object, std::size_t most_bytes, int most_depth) {
  Writer writer({true, false, most_bytes, most_depth});
  const bool written = writer.write(object, 1);
  PyErr_Clear();
  if (!written) return std::nullopt;
  std::string json = writer.take();
  if (json.size() > most_bytes) return std::nullopt;
  return json;
}

std::optional<std::string> display_json(PyObject* value, bool nan_is_null) {
  Writer writer({false, nan_is_null, PY_SSIZE_T_MAX, kDeepest});
  if (!writer.write(value, 1)) return std::nullopt;
  return writer.take();
}

Ref make_json(std::string text) {
  auto owned = std::make_unique<std::string>(std::move(text));
  Ref capsule(PyCapsule_New(owned.get(), kCapsule, [](PyObject* object) {
    delete static_cast<std::string*>(PyCapsule_GetPointer(object, kCapsule));
  }));
  if (capsule) owned.release();
  return capsule;
}

const std::string* json_of(PyObject* object) {
  return static_cast<const std::string*>(PyCapsule_GetPointer(object, kCapsule));
}

}  // namespace replwire::runtime
