#include "runtime/answers/display_json.h"

#include <cmath>
#include <memory>

#include "text/base64.h"
#include "text/json_text.h"

namespace replwire::runtime {
namespace {

constexpr int kDeepest = 60;
constexpr const char* kCapsule = "replwire.json";

bool has_feature(PyObject* object, unsigned long feature) {
  return PyType_HasFeature(Py_TYPE(object), feature) != 0;
}

bool is_a(PyObject* object, PyTypeObject& type) {
  return PyType_IsSubtype(Py_TYPE(object), &type) != 0;
}

class Writer {
 public:
  explicit Writer(bool nan_is_null) : nan_is_null_(nan_is_null) {}

  // False with a Python exception set.
  bool write(PyObject* value, int depth) {
    if (depth > kDeepest) {
      PyErr_Format(PyExc_ValueError, "JSON data nested deeper than %d", kDeepest);
      return false;
    }
    if (value == Py_None) return put("null");
    if (value == Py_True) return put("true");
    if (value == Py_False) return put("false");
    if (has_feature(value, Py_TPFLAGS_UNICODE_SUBCLASS)) return write_text(value);
    if (has_feature(value, Py_TPFLAGS_LONG_SUBCLASS)) return write_integer(value);
    if (is_a(value, PyFloat_Type)) return write_float(value);
    if (has_feature(value, Py_TPFLAGS_DICT_SUBCLASS)) return write_dict(value, depth);
    if (has_feature(value, Py_TPFLAGS_LIST_SUBCLASS)) {
      return write_items(value, depth, PyList_Size, PyList_GetItem);
    }
    if (has_feature(value, Py_TPFLAGS_TUPLE_SUBCLASS)) {
      return write_items(value, depth, PyTuple_Size, PyTuple_GetItem);
    }
    return write_bytes(value);
  }

  std::string take() { return std::move(out_); }

 private:
  bool put(std::string_view text) {
    out_.append(text);
    return true;
  }

  bool write_text(PyObject* value) {
    const auto text = utf8(value);
    if (text) text::append_quoted(out_, *text);
    return text.has_value();
  }

  bool write_integer(PyObject* value) {
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
    if (nan_is_null_) return put("null");
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
    const Ref items(PyDict_Items(value));  // at one moment: a key's str() may be user code
    const Py_ssize_t size = items ? PyList_Size(items.get()) : -1;
    if (size < 0) return false;
    out_.push_back('{');
    for (Py_ssize_t i = 0; i < size; ++i) {
      if (i != 0) out_.push_back(',');
      PyObject* item = PyList_GetItem(items.get(), i);
      const Ref key(PyObject_Str(PyTuple_GetItem(item, 0)));
      if (!key || !write_text(key.get())) return false;
      out_.push_back(':');
      if (!write(PyTuple_GetItem(item, 1), depth + 1)) return false;
    }
    return put("}");
  }

  bool write_bytes(PyObject* value) {
    const bool known = is_a(value, PyBytes_Type) || is_a(value, PyByteArray_Type) ||
                       is_a(value, PyMemoryView_Type);
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

  const bool nan_is_null_;
  std::string out_;
};

}  // namespace

std::optional<std::string> display_json(PyObject* value, bool nan_is_null) {
  Writer writer(nan_is_null);
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
