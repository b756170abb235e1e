#include "runtime/wire_module.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "runtime/forked.h"
#include "runtime/origin.h"
#include "text/json_text.h"

namespace replwire::runtime {
namespace {

struct State {
  Link* link;
  PyObject* original_input;  // builtins.input as Python made it; lives as long as the process
};

State& state_of(PyObject* module) { return *static_cast<State*>(PyModule_GetState(module)); }

PyObject* os_error() { return PyErr_SetFromErrno(PyExc_OSError); }

// A forked child has no link: what it prints goes where any C code's would.
bool write_as_child(Stream stream, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::write(stream == Stream::kStdout ? 1 : 2, bytes.data(), bytes.size());
    if (size < 0 && errno != EINTR) return os_error() != nullptr;
    if (size < 0 && PyErr_CheckSignals() != 0) return false;
    if (size > 0) bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

// False with a Python exception set: a signal's handler raised while the client was behind. The
// bytes are on their way all the same.
bool write_bytes(Link& link, Stream stream, std::string_view bytes) {
  if (in_forked_child()) return write_as_child(stream, bytes);
  bool room = link.write(Origin::current(), stream, bytes);
  while (!room) {
    {
      const GilRelease released;
      room = link.wait_for_room();
    }
    if (!room && PyErr_CheckSignals() != 0) return false;
  }
  return true;
}

// One for each stream: `self` is (module, stream number).
PyObject* write_text(PyObject* self, PyObject* text) {
  if (PyUnicode_Check(text) == 0) {
    PyErr_Format(PyExc_TypeError, "write() argument must be str, not %R", Py_TYPE(text));
    return nullptr;
  }
  Link& link = *state_of(PyTuple_GetItem(self, 0)).link;
  const auto stream = static_cast<Stream>(PyLong_AsLong(PyTuple_GetItem(self, 1)));
  Py_ssize_t size = 0;
  if (const char* bytes = PyUnicode_AsUTF8AndSize(text, &size)) {
    if (!write_bytes(link, stream, {bytes, static_cast<std::size_t>(size)})) return nullptr;
  } else {
    PyErr_Clear();
    const auto escaped = utf8(text);
    if (!escaped || !write_bytes(link, stream, *escaped)) return nullptr;
  }
  return PyLong_FromSsize_t(PyUnicode_GetLength(text));
}

PyMethodDef write_text_method = {"write", write_text, METH_O,
                                 "write($self, text, /)\n--\n\nReturns the number of characters."};

PyObject* writer(PyObject* module, PyObject* stream) {
  const Ref self(PyTuple_Pack(2, module, stream));
  return self ? PyCFunction_NewEx(&write_text_method, self.get(), nullptr) : nullptr;
}

PyObject* write_raw(PyObject* module, PyObject* args) {
  int stream = 0;
  const char* bytes = nullptr;
  Py_ssize_t size = 0;
  if (PyArg_ParseTuple(args, "iy#", &stream, &bytes, &size) == 0) return nullptr;
  const std::string_view view(bytes, static_cast<std::size_t>(size));
  if (!write_bytes(*state_of(module).link, static_cast<Stream>(stream), view)) return nullptr;
  return PyLong_FromSsize_t(size);
}

PyObject* to_object(const Answer& answer) {
  if (const auto* line = std::get_if<Line>(&answer)) return make_str(line->text).release();
  if (const auto* refusal = std::get_if<Refusal>(&answer)) {
    const Ref message = make_str(refusal->message);
    PyErr_SetObject(PyExc_RuntimeError, message.get());
  } else {
    PyErr_SetString(PyExc_EOFError, "EOF when reading a line");
  }
  return nullptr;
}

// The answer as a str without its newline; EOFError, RuntimeError or what a signal raised.
PyObject* ask_client(Link& link, std::string prompt, bool password) {
  if (in_forked_child()) return to_object(EndOfFile{});
  static std::atomic<std::uint64_t> last_number{0};
  const std::uint64_t number = ++last_number;
  std::optional<Answer> answer;
  {
    const GilRelease released;
    link.send(NeedInput{number, Origin::current(), std::move(prompt), password});
    answer = link.wait_for_answer(number);
  }
  while (!answer) {
    if (PyErr_CheckSignals() != 0) {
      link.send(InputWithdrawn{number});
      return nullptr;
    }
    const GilRelease released;
    answer = link.wait_for_answer(number);
  }
  return to_object(*answer);
}

PyObject* ask(PyObject* module, PyObject* args) {
  PyObject* prompt = nullptr;
  int password = 0;
  if (PyArg_ParseTuple(args, "Up", &prompt, &password) == 0) return nullptr;
  auto text = utf8(prompt);
  return text ? ask_client(*state_of(module).link, *std::move(text), password != 0) : nullptr;
}

// Where user code put another stream in place of ours, input() reads that one, as it would in
// any Python.
bool reads_other_stream(PyObject* module) {
  PyObject* current = PySys_GetObject("stdin");
  PyObject* ours = PySys_GetObject("__stdin__");
  return current != ours && current != nullptr && current != Py_None &&
         state_of(module).original_input != nullptr;
}

PyObject* input(PyObject* module, PyObject* args) {
  PyObject* prompt = nullptr;
  if (PyArg_UnpackTuple(args, "input", 0, 1, &prompt) == 0) return nullptr;
  if (reads_other_stream(module)) return PyObject_Call(state_of(module).original_input, args, nullptr);
  const Ref text(prompt == nullptr ? PyUnicode_FromString("") : PyObject_Str(prompt));
  auto bytes = text ? utf8(text.get()) : std::nullopt;
  return bytes ? ask_client(*state_of(module).link, *std::move(bytes), false) : nullptr;
}

PyMethodDef input_method = {
    "input", input, METH_VARARGS,
    "input($module, prompt='', /)\n--\n\n"
    "Ask the client for a line of text and return it without its newline.\n\n"
    "The prompt travels with the question. If the client answers with the end of\n"
    "file, raise EOFError."};

PyObject* json_string(PyObject* /*module*/, PyObject* text) {
  const auto bytes = utf8(text);
  if (!bytes) return nullptr;
  std::string quoted;
  text::append_quoted(quoted, *bytes);
  return make_str(quoted).release();
}

PyMethodDef methods[] = {
    {"writer", writer, METH_O, "The write() of standard stream 0 (stdout) or 1 (stderr)."},
    {"write_raw", write_raw, METH_VARARGS, "Writes bytes to stream 0 or 1."},
    {"ask", ask, METH_VARARGS, "ask(prompt, password): the client's answer."},
    {"json_string", json_string, METH_O, "A str as JSON."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "_replwire",
                          nullptr,
                          sizeof(State),
                          methods,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace

Ref make_wire_module(Link& link) {
  Ref module(PyModule_Create(&definition));
  if (!module) return {};
  PyObject* original = PyDict_GetItemString(PyEval_GetBuiltins(), "input");
  Py_XINCREF(original);
  state_of(module.get()) = {&link, original};
  return module;
}

Ref make_input_function(PyObject* wire) {
  const Ref owner = make_str("builtins");
  return Ref(PyCFunction_NewEx(&input_method, wire, owner.get()));
}

}  // namespace replwire::runtime
