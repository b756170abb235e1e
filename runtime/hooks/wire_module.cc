#include "runtime/hooks/wire_module.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "runtime/answers/current_source.h"
#include "runtime/answers/presenter.h"
#include "runtime/answers/python_json.h"
#include "runtime/bundle.h"
#include "runtime/execution/interrupts.h"
#include "runtime/execution/origin.h"
#include "runtime/guard.h"
#include "runtime/hooks/host_calls.h"
#include "runtime/hooks/own_modules.h"
#include "runtime/hooks/questions.h"
#include "runtime/os/c_stdio.h"
#include "runtime/os/folder.h"
#include "runtime/os/forked.h"
#include "runtime/os/own_file.h"
#include "text/utf8.h"

namespace replwire::runtime {
namespace {

// The process's one interpreter has one. A module's own state would need functions that know their
// module, which is then in user code's reach: sys.stdout.write.__self__.
struct State {
  Link* link;
  bool stream_closed;
  PyObject* original_input;  // builtins.input as Python made it; lives as long as the process
};

// Global, since the process has one interpreter.
State state;

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

bool write_piece(Link& link, Stream stream, std::string_view bytes) {
  return link.write(Origin::current(), stream, bytes) || wait_for_room(link);
}

// False with a Python exception set, as wait_for_room.
bool write_bytes(Link& link, Stream stream, std::string_view bytes) {
  if (in_forked_child()) return write_as_child(stream, bytes);
  // Long text goes in pieces, so that no more than a piece is held beyond the limit.
  constexpr std::size_t kPiece = 32 * 1024;
  while (bytes.size() > kPiece) {
    if (!write_piece(link, stream, bytes.substr(0, kPiece))) return false;
    bytes.remove_prefix(kPiece);
  }
  return write_piece(link, stream, bytes);
}

// What has no UTF-8 of its own: lone surrogates; or is no text.
bool write_escaped(Link& link, Stream stream, PyObject* text) {
  PyErr_Clear();
  if (PyUnicode_Check(text) == 0) {
    const Ref type(text == Py_None ? PyUnicode_FromString("None")
                                   : PyObject_GetAttrString(
                                         reinterpret_cast<PyObject*>(Py_TYPE(text)), "__name__"));
    if (type) PyErr_Format(PyExc_TypeError, "write() argument must be str, not %U", type.get());
    return false;
  }
  const auto escaped = utf8(text);
  return escaped && write_bytes(link, stream, *escaped);
}

template <Stream stream>
PyObject* write_text(PyObject* /*self*/, PyObject* text) {
  Link& link = *state.link;
  Py_ssize_t size = 0;
  const char* bytes = PyUnicode_AsUTF8AndSize(text, &size);
  const bool written = bytes != nullptr
                           ? write_bytes(link, stream, {bytes, static_cast<std::size_t>(size)})
                           : write_escaped(link, stream, text);
  return written ? PyLong_FromSsize_t(PyUnicode_GetLength(text)) : nullptr;
}

PyObject* write_raw(PyObject* /*self*/, PyObject* args) {
  int stream = 0;
  const char* bytes = nullptr;
  Py_ssize_t size = 0;
  if (PyArg_ParseTuple(args, "iy#", &stream, &bytes, &size) == 0) return nullptr;
  const std::string_view view(bytes, static_cast<std::size_t>(size));
  if (!write_bytes(*state.link, static_cast<Stream>(stream), view)) return nullptr;
  return PyLong_FromSsize_t(size);
}

PyObject* flush(PyObject* /*self*/, PyObject* /*unused*/) {
  if (!in_forked_child()) state.link->flush();
  Py_RETURN_NONE;
}

PyObject* to_object(const Line& line) { return make_str(line.text).release(); }

PyObject* to_object(const EndOfFile& /*end*/) {
  PyErr_SetString(PyExc_EOFError, "EOF when reading a line");
  return nullptr;
}

// Of a call; input() is given none.
template <class Other>
PyObject* to_object(const Other& /*answer*/) {
  PyErr_SetString(PyExc_SystemError, "no answer to input()");
  return nullptr;
}

PyObject* to_object(const Refusal& refusal) {
  const Ref message = make_str(refusal.message);
  PyErr_SetObject(PyExc_RuntimeError, message.get());
  return nullptr;
}

// The answer as a str without its newline; EOFError, RuntimeError or what a signal raised.
PyObject* ask_client(Link& link, std::string prompt, bool password) {
  if (in_forked_child()) return to_object(EndOfFile{});
  if (prompt.size() > kPromptBytes) {
    prompt.resize(kPromptBytes);
    prompt.resize(prompt.size() - text::incomplete_tail(prompt));
  }
  NeedInput question = questions::make();
  const std::uint64_t number = question.number;
  question.prompt = std::move(prompt);
  question.password = password;
  if (!questions::send(link, std::move(question))) return nullptr;
  const auto answer = questions::wait(link, number);
  if (!answer) return nullptr;
  return std::visit([](const auto& each) { return to_object(each); }, *answer);
}

PyObject* ask(PyObject* /*self*/, PyObject* args) {
  PyObject* prompt = nullptr;
  int password = 0;
  if (PyArg_ParseTuple(args, "Up", &prompt, &password) == 0) return nullptr;
  auto text = utf8(prompt);
  return text ? ask_client(*state.link, *std::move(text), password != 0) : nullptr;
}

// Where user code put another stream in place of ours, input() reads that one, as it would in
// any Python.
bool reads_other_stream() {
  PyObject* current = PySys_GetObject("stdin");
  PyObject* ours = PySys_GetObject("__stdin__");
  return current != ours && current != nullptr && current != Py_None &&
         state.original_input != nullptr;
}

PyObject* input(PyObject* /*self*/, PyObject* args) {
  PyObject* prompt = nullptr;
  if (PyArg_UnpackTuple(args, "input", 0, 1, &prompt) == 0) return nullptr;
  if (reads_other_stream()) return PyObject_Call(state.original_input, args, nullptr);
  const Ref text(prompt == nullptr ? PyUnicode_FromString("") : PyObject_Str(prompt));
  auto bytes = text ? utf8(text.get()) : std::nullopt;
  return bytes ? ask_client(*state.link, *std::move(bytes), false) : nullptr;
}

PyMethodDef input_method = {
    "input", guarded<input>, METH_VARARGS,
    "input($module, prompt='', /)\n--\n\n"
    "Ask the client for a line of text and return it without its newline.\n\n"
    "The prompt travels with the question. If the client answers with the end of\n"
    "file, raise EOFError."};

// The text as C++ made it, which Python code can pass on and not make; and its size.
PyObject* encode(PyObject* /*self*/, PyObject* args) {
  PyObject* value = nullptr;
  int nan_is_null = 0;
  if (PyArg_ParseTuple(args, "Op", &value, &nan_is_null) == 0) return nullptr;
  auto text = display_json(value, nan_is_null != 0);
  if (!text) return nullptr;
  const auto size = static_cast<Py_ssize_t>(text->size());
  const Ref json = make_json(*std::move(text));
  return json ? Py_BuildValue("(On)", json.get(), size) : nullptr;
}

PyObject* publish_current(PyObject* /*self*/, PyObject* /*unused*/) {
  current_source::publish();
  Py_RETURN_NONE;
}

PyObject* note_closed(PyObject* /*self*/, PyObject* /*unused*/) {
  state.stream_closed = true;
  Py_RETURN_NONE;
}

PyObject* load(PyObject* wire, PyObject* name) {
  const auto text = utf8(name);
  return text ? load_bundled(text->c_str(), wire).release() : nullptr;
}

// What most sessions never need is loaded when it is first asked for.
PyObject* get_missing(PyObject* wire, PyObject* name) {
  if (PyUnicode_CompareWithASCIIString(name, "sources") != 0) {
    PyErr_SetObject(PyExc_AttributeError, name);
    return nullptr;
  }
  Ref sources = load_bundled("sources", wire);
  if (!sources || PyObject_SetAttr(wire, name, sources.get()) != 0) return nullptr;
  return sources.release();
}

// Python's own handler; the process's, which signal.signal() would replace, stays.
PyObject* set_sigint_handler(PyObject* /*module*/, PyObject* args) {
  PyObject* handler = nullptr;
  int of_loop = 0;
  if (PyArg_ParseTuple(args, "Op", &handler, &of_loop) == 0) return nullptr;
  PyObject* module = own_modules::copy_of("_signal");
  if (module == nullptr) return nullptr;
  struct sigaction own = {};
  sigaction(SIGINT, nullptr, &own);
  const Ref before(PyObject_CallMethod(module, "signal", "iO", SIGINT, handler));
  sigaction(SIGINT, &own, nullptr);
  interrupts::set_loop_handles(of_loop != 0);
  if (!before) return nullptr;
  Py_RETURN_NONE;
}

PyObject* take_interrupt(PyObject* /*module*/, PyObject* /*unused*/) {
  return PyBool_FromLong(interrupts::take_fresh() ? 1 : 0);
}

PyMethodDef methods[] = {
    {"write_stdout", guarded<write_text<Stream::kStdout>>, METH_O, "The write() of sys.stdout."},
    {"write_stderr", guarded<write_text<Stream::kStderr>>, METH_O, "The write() of sys.stderr."},
    {"write_raw", guarded<write_raw>, METH_VARARGS, "Writes bytes to stream 0 or 1."},
    {"flush", guarded<flush>, METH_NOARGS, "What was written is to outlive the process."},
    {"ask", guarded<ask>, METH_VARARGS, "ask(prompt, password): the client's answer."},
    {"note_closed", guarded<note_closed>, METH_NOARGS, "A standard stream has been closed."},
    {"set_sigint_handler", guarded<set_sigint_handler>, METH_VARARGS,
     "set_sigint_handler(handler, whether it is the event loop's)"},
    {"take_interrupt", guarded<take_interrupt>, METH_NOARGS,
     "Whether it is an interrupt, not a nudge."},
    {"list_folder", guarded<list_folder>, METH_VARARGS, "list_folder(path, most, packages)"},
    {"read_file", guarded<read_file>, METH_O,
     "read_file(path): (bytes, time of the last change) or None"},
    {"encode", guarded<encode>, METH_VARARGS, "encode(value, nan_is_null): (JSON, its size)"},
    {"publish_current", guarded<publish_current>, METH_NOARGS,
     "The source in hand goes to linecache."},
    {nullptr, nullptr, 0, nullptr}};

// These need the module, and are only in reach of what holds it.
PyMethodDef own_methods[] = {
    {"load", guarded<load>, METH_O, "The namespace of a bundled module, run anew."},
    {"__getattr__", guarded<get_missing>, METH_O, "wire.sources"},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "_replwire",
                          nullptr,
                          0,
                          own_methods,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace

bool wait_for_room(Link& link) {
  for (bool room = false; !room;) {
    {
      const GilRelease released;
      room = link.wait_for_room();
    }
    if (!room && PyErr_CheckSignals() != 0) return false;
  }
  return true;
}

bool send_event(Link& link, Event event) {
  {
    const GilRelease released;
    link.send(std::move(event));
  }
  return wait_for_room(link);
}

Ref make_wire_module(Link& link) {
  Ref module(PyModule_Create(&definition));
  if (!module) return {};
  PyObject* original = PyDict_GetItemString(PyEval_GetBuiltins(), "input");
  Py_XINCREF(original);
  state.link = &link;
  state.original_input = original;
  if (!add_functions(module.get(), methods) || !host_calls::connect(link, module.get())) return {};
  return module;
}

bool add_functions(PyObject* wire, PyMethodDef* methods) {
  const Ref name = make_name("_replwire");
  for (PyMethodDef* each = methods; each->ml_name != nullptr; ++each) {
    const Ref function(PyCFunction_NewEx(each, nullptr, name.get()));
    if (!function || PyObject_SetAttrString(wire, each->ml_name, function.get()) != 0) return false;
  }
  return true;
}

bool take_stream_closed() { return std::exchange(state.stream_closed, false); }

Ref make_input_function() {
  const Ref owner = make_str("builtins");
  return Ref(PyCFunction_NewEx(&input_method, nullptr, owner.get()));
}

}  // namespace replwire::runtime
