#include "runtime/answers/python_json.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
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
  bool nan_is_null;  // not with `plain`
  std::size_t most_bytes;
  int most_depth;
  bool exact = false;  // with `plain`: lone surrogates stay, and a fault is told
};

class Writer {
 public:
  explicit Writer(const Rules& rules) : rules_(rules) {}

  // False, with a Python exception set if this is not about plain data.
  bool write(PyObject* value, int depth) {
    if (depth > rules_.most_depth && rules_.exact) {
      return fault("nested deeper than " + std::to_string(rules_.most_depth));
    }
    if (depth > rules_.most_depth) {
      PyErr_Format(PyExc_ValueError, "JSON data nested deeper than %d", rules_.most_depth);
      return false;
    }
    if (out_.size() > rules_.most_bytes) return fault_of_size();
    if (value == Py_None) return put("null");
    if (value == Py_True) return put("true");
    if (value == Py_False) return put("false");
    if (is(value, PyLong_Type)) return write_integer(value);
    if (is(value, PyUnicode_Type)) return write_text(value);
    if (is(value, PyFloat_Type)) return write_float(value);
    if (is(value, PyDict_Type)) return write_dict(value, depth);
    if (is(value, PyList_Type)) return write_items(value, depth, PyList_Size, PyList_GetItem);
    if (is(value, PyTuple_Type)) return write_items(value, depth, PyTuple_Size, PyTuple_GetItem);
    return rules_.plain ? fault_of_type(value, " is not JSON") : write_bytes(value);
  }

  std::string take() { return std::move(out_); }
  bool too_large() const { return out_.size() > rules_.most_bytes; }
  // With `exact`: such as "[3]['when']: datetime is not JSON".
  PlainFault told_fault() const { return {path_.empty() ? fault_ : path_ + ": " + fault_}; }

 private:
  bool is(PyObject* value, PyTypeObject& type) const {
    return Py_TYPE(value) == &type || (!rules_.plain && PyType_IsSubtype(Py_TYPE(value), &type));
  }

  bool put(std::string_view text) {
    out_.append(text);
    return true;
  }

  // These return false.
  bool fault(std::string text) {
    fault_ = std::move(text);
    return false;
  }
  bool fault_of_size() {
    return rules_.exact && fault("more than " + std::to_string(rules_.most_bytes) + " bytes");
  }
  bool fault_of_type(PyObject* value, const char* what) {
    if (!rules_.exact) return false;
    const Ref name(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(value)), "__name__"));
    const auto text = name && PyUnicode_Check(name.get()) != 0 ? utf8(name.get()) : std::nullopt;
    PyErr_Clear();
    return fault(text.value_or("an object") + what);
  }
  bool fault_at(const std::string& place) {
    path_ = "[" + place + "]" + path_;
    return false;
  }
  static std::string shown_key(PyObject* key) {
    constexpr std::size_t kLongest = 80;
    const Ref shown(PyObject_Repr(key));
    auto text = shown ? utf8(shown.get()) : std::nullopt;
    PyErr_Clear();
    return text && text->size() <= kLongest ? *text : "a long key";
  }

  bool write_text(PyObject* value) {
    if (PyUnicode_GetLength(value) > static_cast<Py_ssize_t>(rules_.most_bytes)) {
      return fault_of_size();
    }
    if (rules_.exact) return write_exact(value);
    const auto text = utf8(value);
    if (text) text::append_quoted(out_, *text);
    return text.has_value();
  }

  // Lone surrogates as JSON spells them.
  bool write_exact(PyObject* value) {
    Py_ssize_t size = 0;
    if (const char* bytes = PyUnicode_AsUTF8AndSize(value, &size)) {
      text::append_quoted(out_, {bytes, static_cast<std::size_t>(size)});
      return true;
    }
    PyErr_Clear();
    const Ref encoded(PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass"));
    char* bytes = nullptr;
    if (!encoded || PyBytes_AsStringAndSize(encoded.get(), &bytes, &size) != 0) {
      return fault("text is not JSON");
    }
    std::string_view rest(bytes, static_cast<std::size_t>(size));
    out_.push_back('"');
    for (;;) {
      const std::size_t plain = next_surrogate(rest);
      text::append_escaped(out_, rest.substr(0, plain));
      rest.remove_prefix(plain);
      if (rest.empty()) return put("\"");
      append_surrogate(rest);
      rest.remove_prefix(3);
    }
  }
  // As UTF-8 they would take three bytes, from ED A0 80 on.
  static std::size_t next_surrogate(std::string_view bytes) {
    std::size_t at = bytes.find('\xED');
    while (at != std::string_view::npos && static_cast<unsigned char>(bytes[at + 1]) < 0xA0) {
      at = bytes.find('\xED', at + 1);
    }
    return std::min(at, bytes.size());
  }
  void append_surrogate(std::string_view bytes) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto middle = static_cast<unsigned char>(bytes[1]) & 0x3FU;
    const auto last = static_cast<unsigned char>(bytes[2]) & 0x3FU;
    out_.append("\\ud");
    for (const unsigned digit : {middle >> 2U, (middle & 3U) << 2U | last >> 4U, last & 0xFU}) {
      out_.push_back(kHex[digit]);
    }
  }

  bool write_integer(PyObject* value) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0 && number <= kLargestInteger && number >= -kLargestInteger) {
      text::append_number(out_, static_cast<std::int64_t>(number));
      return true;
    }
    if (rules_.exact) return fault("an int beyond 2**53 is not JSON that everybody reads");
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
    if (rules_.exact) return fault(std::string(name) + " is not JSON");
    PyErr_Format(PyExc_ValueError, "%s is no JSON; None is, or a string", name);
    return false;
  }

  template <class Size, class Get>
  bool write_items(PyObject* value, int depth, Size size, Get get) {
    out_.push_back('[');
    for (Py_ssize_t i = 0; i < size(value); ++i) {
      if (i != 0) out_.push_back(',');
      const Ref item = Ref::borrow(get(value, i));
      if (!write(item.get(), depth + 1)) return rules_.exact && fault_at(std::to_string(i));
    }
    return put("]");
  }

  bool write_dict(PyObject* value, int depth) {
    if (PyDict_Size(value) > static_cast<Py_ssize_t>(rules_.most_bytes)) return fault_of_size();
    const Ref items(PyDict_Items(value));  // at one moment: a key's str() may be user code
    const Py_ssize_t size = items ? PyList_Size(items.get()) : -1;
    if (size < 0) return false;
    out_.push_back('{');
    for (Py_ssize_t i = 0; i < size; ++i) {
      if (i != 0) out_.push_back(',');
      PyObject* item = PyList_GetItem(items.get(), i);
      PyObject* key = PyTuple_GetItem(item, 0);
      if (!write_key(key)) return false;
      out_.push_back(':');
      if (!write(PyTuple_GetItem(item, 1), depth + 1)) {
        return rules_.exact && fault_at(shown_key(key));
      }
    }
    return put("}");
  }

  bool write_key(PyObject* key) {
    if (is(key, PyUnicode_Type)) return write_text(key);
    if (rules_.plain) return fault_of_type(key, " as a key is not JSON");
    const Ref text(PyObject_Str(key));
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
  std::string path_;
  std::string fault_;
};

}  // namespace

std::optional<std::string> plain_json(PyObject* object, std::size_t most_bytes, int most_depth) {
  Writer writer({true, false, most_bytes, most_depth});
  const bool written = writer.write(object, 1);
  PyErr_Clear();
  if (!written) return std::nullopt;
  if (writer.too_large()) return std::nullopt;
  return writer.take();
}

std::variant<std::string, PlainFault> exact_json(PyObject* object, std::size_t most_bytes) {
  Writer writer({true, false, most_bytes, kValueDepth, true});
  const bool written = writer.write(object, 1);
  PyErr_Clear();
  if (!written) return writer.told_fault();
  if (writer.too_large()) return PlainFault{"more than " + std::to_string(most_bytes) + " bytes"};
  return writer.take();
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
