// JSON text -> Python object (runtime/answers/python_json.h): the protocol has seen that it is
// valid.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "runtime/answers/python_json.h"

namespace replwire::runtime {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Ref value() {
    skip_space();
    switch (text_[at_]) {
      case '{':
        return object();
      case '[':
        return list();
      case '"':
        return string();
      case 't':
        return word(Py_True, 4);
      case 'f':
        return word(Py_False, 5);
      case 'n':
        return word(Py_None, 4);
      default:
        return number();
    }
  }

 private:
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size() - 1); }
  // Steps over the character if it is the next one.
  bool take(char c) {
    skip_space();
    if (text_[at_] != c) return false;
    ++at_;
    return true;
  }
  Ref word(PyObject* object, std::size_t size) {
    at_ += size;
    return Ref::borrow(object);
  }

  Ref object() {
    Ref dict(PyDict_New());
    ++at_;
    if (!dict || take('}')) return dict;
    do {
      skip_space();
      const Ref key = string();
      take(':');
      const Ref item = key ? value() : Ref();
      if (!item || PyDict_SetItem(dict.get(), key.get(), item.get()) != 0) return {};
    } while (take(','));
    take('}');
    return dict;
  }

  Ref list() {
    Ref list(PyList_New(0));
    ++at_;
    if (!list || take(']')) return list;
    do {
      const Ref item = value();
      if (!item || PyList_Append(list.get(), item.get()) != 0) return {};
    } while (take(','));
    take(']');
    return list;
  }

  Ref number() {
    const std::size_t end = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    const std::string digits(text_.substr(at_, end - at_));
    at_ = end;
    if (digits.find_first_of(".eE") == std::string::npos) {
      return Ref(PyLong_FromString(digits.c_str(), nullptr, 10));
    }
    const double number = PyOS_string_to_double(digits.c_str(), nullptr, nullptr);
    return Ref(PyErr_Occurred() != nullptr ? nullptr : PyFloat_FromDouble(number));
  }

  Ref string() {
    const std::size_t start = ++at_;
    std::size_t end = text_.find_first_of("\"\\", at_);
    if (text_[end] == '"') {
      at_ = end + 1;
      return Ref(PyUnicode_DecodeUTF8(text_.data() + start, length(start, end), "strict"));
    }
    std::string bytes;
    while (text_[end] == '\\') {
      bytes.append(text_, at_, end - at_);
      at_ = end + 1;
      append_escape(bytes);
      end = text_.find_first_of("\"\\", at_);
    }
    bytes.append(text_, at_, end - at_);
    at_ = end + 1;
    return Ref(
        PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "surrogatepass"));
  }
  static Py_ssize_t length(std::size_t start, std::size_t end) {
    return static_cast<Py_ssize_t>(end - start);
  }

  // At what stands behind the backslash.
  void append_escape(std::string& bytes) {
    constexpr std::string_view kLetters = "bfnrt";
    constexpr std::string_view kMeant = "\b\f\n\r\t";
    const char letter = text_[at_++];
    if (letter != 'u') {
      const std::size_t found = kLetters.find(letter);
      bytes.push_back(found == std::string_view::npos ? letter : kMeant[found]);
      return;
    }
    unsigned code = hex();
    if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      const unsigned low = hex();
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
      } else {
        at_ -= 6;
      }
    }
    append_utf8(bytes, code);
  }
  unsigned hex() {
    const std::string digits(text_.substr(at_, 4));
    at_ += 4;
    return static_cast<unsigned>(std::strtoul(digits.c_str(), nullptr, 16));
  }
  static void append_utf8(std::string& bytes, unsigned code) {
    const auto put = [&bytes](unsigned byte) { bytes.push_back(static_cast<char>(byte)); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
      put(0xC0U | code >> 6U);
    } else if (code < 0x10000) {
      put(0xE0U | code >> 12U);
      put(0x80U | (code >> 6U & 0x3FU));
    } else {
      put(0xF0U | code >> 18U);
      put(0x80U | (code >> 12U & 0x3FU));
      put(0x80U | (code >> 6U & 0x3FU));
    }
    put(0x80U | (code & 0x3FU));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Ref object_of_json(std::string_view json) { return Reader(json).value(); }

}  // namespace replwire::runtime
