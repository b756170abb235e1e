#include "runtime/answers/reporter.h"

#include <algorithm>

#include "runtime/answers/current_source.h"
#include "runtime/answers/python_json.h"
#include "runtime/bundle.h"
#include "runtime/execution/dedent.h"
#include "runtime/execution/interrupts.h"
#include "runtime/hooks/own_modules.h"
#include "text/json_text.h"

namespace replwire::runtime {
namespace {

PyObject* function(const Ref& space, const char* name) {
  return PyDict_GetItemString(space.get(), name);
}

std::string text_or(PyObject* text, std::string other) {
  auto bytes = text != nullptr && PyUnicode_Check(text) != 0 ? utf8(text) : std::nullopt;
  PyErr_Clear();
  return bytes ? *std::move(bytes) : std::move(other);
}

std::optional<std::string> text_or_none(PyObject* text) {
  return text == Py_None ? std::nullopt : std::optional(text_or(text, ""));
}

std::string type_name(const Ref& exception) {
  const Ref type = Ref::borrow(reinterpret_cast<PyObject*>(Py_TYPE(exception.get())));
  const Ref name(PyObject_GetAttrString(type.get(), "__qualname__"));
  return text_or(name.get(), "Exception");
}

// Of lists that our own code has made; those are bounded.
std::optional<std::string> json_or_none(PyObject* list) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 30;
  constexpr int kMostDepth = 256;
  return list == Py_None ? std::nullopt : plain_json(list, kMostBytes, kMostDepth);
}

// The file that code of ours has by its name.
bool is_own(const std::string& filename) { return filename.starts_with("<replwire "); }

struct Place {
  std::string filename;
  std::string function;
  long line = 0;
};

Place place_of(const Ref& entry) {
  const Ref frame(PyObject_GetAttrString(entry.get(), "tb_frame"));
  const Ref code(frame ? PyObject_GetAttrString(frame.get(), "f_code") : nullptr);
  const Ref line(PyObject_GetAttrString(entry.get(), "tb_lineno"));
  const auto text = [&code](const char* name) {
    const Ref value(code ? PyObject_GetAttrString(code.get(), name) : nullptr);
    return text_or(value.get(), "");
  };
  Place place = {text("co_filename"), text("co_name"),
                 line && PyLong_Check(line.get()) != 0 ? PyLong_AsLong(line.get()) : 0};
  PyErr_Clear();
  return place;
}

template <class Visit>
void for_each_entry(const Ref& exception, Visit visit) {
  Ref entry(PyException_GetTraceback(exception.get()));
  while (entry && entry.get() != Py_None) {
    visit(entry);
    entry = Ref(PyObject_GetAttrString(entry.get(), "tb_next"));
  }
}

// An interrupt that hit our own code, with none of the user's under way, which would be hit again:
// that may have called ours, such as a stream's flush().
bool hit_own_code(const Ref& interrupt) {
  bool own = true;
  for_each_entry(interrupt,
                 [&own](const Ref& entry) { own = own && is_own(place_of(entry).filename); });
  return own;
}

std::string plain_message(const Ref& exception) {
  const Ref text(PyObject_Str(exception.get()));
  return text_or(text.get(), "");
}

// All that can be told when telling more has failed: without Python code of ours, and without the
// lines of the source.
Report bare_report(const Ref& exception) {
  constexpr int kMostFrames = 200;
  Report bare;
  bare.type = type_name(exception);
  bare.message = plain_message(exception);
  bare.traceback = "Traceback (most recent call last):\n";
  bare.frames = "[";
  int left = kMostFrames;
  for_each_entry(exception, [&bare, &left](const Ref& entry) {
    const Place place = place_of(entry);
    if (is_own(place.filename) || left-- <= 0) return;
    const std::string line = std::to_string(place.line);
    bare.traceback +=
        "  File \"" + place.filename + "\", line " + line + ", in " + place.function + "\n";
    bare.frames += bare.frames.size() > 1 ? ",{\"filename\":" : "{\"filename\":";
    text::append_quoted(bare.frames, place.filename);
    bare.frames += ",\"line\":" + line + ",\"function\":";
    text::append_quoted(bare.frames, place.function);
    bare.frames += ",\"source\":\"\"}";
  });
  bare.frames += "]";
  bare.traceback += bare.type + (bare.message.empty() ? "" : ": " + bare.message) + "\n";
  return bare;
}

// Functions that user code has had called for each of Python's calls are not for ours.
class Untraced {
 public:
  Untraced() : trace_(get("gettrace")), profile_(get("getprofile")) {
    if (trace_) set("settrace", Py_None);
    if (profile_) set("setprofile", Py_None);
  }
  Untraced(const Untraced&) = delete;
  Untraced& operator=(const Untraced&) = delete;
  ~Untraced() {
    if (trace_) set("settrace", trace_.get());
    if (profile_) set("setprofile", profile_.get());
  }

 private:
  static Ref get(const char* name) {
    PyObject* sys = own_modules::copy_of("sys");
    Ref function(sys != nullptr ? PyObject_CallMethod(sys, name, nullptr) : nullptr);
    PyErr_Clear();
    return function && function.get() != Py_None ? function : Ref();
  }
  static void set(const char* name, PyObject* function) {
    PyObject* sys = own_modules::copy_of("sys");
    if (sys == nullptr || !Ref(PyObject_CallMethod(sys, name, "O", function))) PyErr_Clear();
  }

  Ref trace_;
  Ref profile_;
};

// Calls for our code, however few user code has left itself.
class RoomForCalls {
 public:
  RoomForCalls() : before_(Py_GetRecursionLimit()) {
    if (before_ < kEnough) Py_SetRecursionLimit(kEnough);
  }
  RoomForCalls(const RoomForCalls&) = delete;
  RoomForCalls& operator=(const RoomForCalls&) = delete;
  ~RoomForCalls() {
    if (before_ < kEnough) Py_SetRecursionLimit(before_);
  }

 private:
  static constexpr int kEnough = 1000;
  int before_;
};

// As SystemExit holds it: integer, string or null; another object's str.
std::string exit_code(const Ref& exception) {
  const Ref code(PyObject_GetAttrString(exception.get(), "code"));
  std::string json = "null";
  if (code && code.get() != Py_None) {
    const bool number = PyLong_Check(code.get()) != 0;
    const Ref text(number ? PyNumber_ToBase(code.get(), 10) : PyObject_Str(code.get()));
    if (text && number) json = text_or(text.get(), "null");
    if (text && !number) {
      json.clear();
      text::append_quoted(json, text_or(text.get(), ""));
    }
  }
  PyErr_Clear();
  return json;
}

bool call_hook(const Ref& hook, const Ref& exception) {
  const Ref traceback(PyException_GetTraceback(exception.get()));
  return static_cast<bool>(Ref(PyObject_CallFunctionObjArgs(
      hook.get(), reinterpret_cast<PyObject*>(Py_TYPE(exception.get())), exception.get(),
      traceback ? traceback.get() : Py_None, nullptr)));
}

bool is(const Ref& exception, PyObject* type) {
  return PyErr_GivenExceptionMatches(exception.get(), type) != 0;
}

long minor_version() {
  PyObject* sys = own_modules::copy_of("sys");
  PyObject* info =
      sys != nullptr ? PyDict_GetItemString(PyModule_GetDict(sys), "version_info") : nullptr;
  return info != nullptr ? PyLong_AsLong(PyTuple_GetItem(info, 1)) : 0;
}

}  // namespace

bool Reporter::start(PyObject* wire) {
  wire_ = Ref::borrow(wire);
  co_consts_ = make_name("co_consts");
  return static_cast<bool>(co_consts_);
}

bool Reporter::has_nested_code(PyObject* code) const {
  const Ref constants(PyObject_GetAttr(code, co_consts_.get()));
  const Py_ssize_t size = constants ? PyTuple_Size(constants.get()) : 0;
  for (Py_ssize_t i = 0; i < size; ++i) {
    if (Py_TYPE(PyTuple_GetItem(constants.get(), i)) == Py_TYPE(code)) return true;
  }
  return false;
}

// Null with a Python exception set.
PyObject* Reporter::source_function(const char* name) {
  if (!sources_) sources_ = Ref(PyObject_GetAttrString(wire_.get(), "sources"));
  return sources_ ? function(sources_, name) : nullptr;
}

Ref Reporter::call_sources(const char* name, const Run& run, const Cell& cell) {
  const Ref codes(PyTuple_Pack(2, cell.body ? cell.body.get() : Py_None,
                               cell.expression ? cell.expression.get() : Py_None));
  const Ref source = make_str(run.code);
  PyObject* called = codes && source ? source_function(name) : nullptr;
  return called == nullptr
             ? Ref()
             : Ref(PyObject_CallFunction(called, "OOLO", cell.filename.get(), source.get(),
                                         static_cast<long long>(run.first_line), codes.get()));
}

void Reporter::remember(const Run& run, const Cell& cell) {
  const bool nested = (cell.body && has_nested_code(cell.body.get())) ||
                      (cell.expression && has_nested_code(cell.expression.get()));
  if (nested && !call_sources("remember", run, cell)) PyErr_Clear();
}

void Reporter::release(const Run& run, const Ref& filename, const Cell* cell) {
  const auto is_held = [](const Ref& code) { return code && Py_REFCNT(code.get()) > 1; };
  const bool held = cell != nullptr && (is_held(cell->body) || is_held(cell->expression));
  if (held && !call_sources("keep_cell", run, *cell)) PyErr_Clear();
  if (!current_source::end() || !sources_) return;
  const Ref restored(
      PyObject_CallFunctionObjArgs(source_function("restore"), filename.get(), nullptr));
  if (!restored) PyErr_Clear();
}

bool Reporter::load() {
  if (!report_) report_ = load_bundled("report", wire_.get());
  return static_cast<bool>(report_);
}

Report Reporter::report(const Ref& exception) {
  // An interrupt may end what user code does in a __str__ here. One that hits our own code
  // instead only makes us start again.
  constexpr int kTries = 3;
  const Untraced untraced;
  const RoomForCalls room;
  for (int i = 0; i < kTries; ++i) {
    const interrupts::Window window;
    PyObject* source_of = load() ? source_function("of") : nullptr;
    const Ref told(source_of != nullptr
                       ? PyObject_CallFunctionObjArgs(function(report_, "report"), exception.get(),
                                                      source_of, nullptr)
                       : nullptr);
    if (told) {
      const auto at = [&told](Py_ssize_t n) { return PyTuple_GetItem(told.get(), n); };
      return {text_or(at(0), ""),
              text_or(at(1), ""),
              text_or_none(at(6)),
              text_or(at(2), ""),
              json_or_none(at(3)).value_or("[]"),
              json_or_none(at(4)),
              json_or_none(at(5))};
    }
    const Ref failure = take_exception();
    if (!failure || !is(failure, PyExc_KeyboardInterrupt) || !hit_own_code(failure)) break;
  }
  return bare_report(exception);
}

// A sys.excepthook of user code's own is called as Python would; what it raises is shown.
void Reporter::call_user_hook(const Ref& exception) {
  const Ref hook = Ref::borrow(PySys_GetObject("excepthook"));
  const Ref original = Ref::borrow(PySys_GetObject("__excepthook__"));
  if (!hook || hook.get() == original.get()) return;
  const interrupts::Window window;
  if (call_hook(hook, exception)) return;
  const Ref failure = take_exception();
  PySys_WriteStderr("Error in sys.excepthook:\n");
  if (original && failure) call_hook(original, failure);
  PyErr_Clear();
}

// The text of an error in the syntax is made to be of what was sent.
void Reporter::amend(const Ref& exception, const Run& run, const Ref& filename, long flags) {
  if (!is(exception, PyExc_SyntaxError)) return;
  if (!syntax_) syntax_ = load_bundled("syntax", wire_.get());
  const Ref source = make_str(run.code);
  const Dedented compiled = run.dedent ? dedent(run.code) : Dedented{run.code, 0};
  const Ref code = make_str(compiled.code);
  const Ref done(syntax_ && source && code
                     ? PyObject_CallFunction(function(syntax_, "amend"), "OOOLlOOn",
                                             exception.get(), source.get(), filename.get(),
                                             static_cast<long long>(run.first_line), flags,
                                             run.filename ? Py_True : Py_False, code.get(),
                                             static_cast<Py_ssize_t>(compiled.margin))
                     : nullptr);
  if (!done) PyErr_Clear();
}

// What the interactive interpreter leaves behind for pdb.pm(), until the next error.
void Reporter::set_last(const Ref& exception) {
  const Ref traceback(PyException_GetTraceback(exception.get()));
  PySys_SetObject("last_type", reinterpret_cast<PyObject*>(Py_TYPE(exception.get())));
  PySys_SetObject("last_value", exception.get());
  PySys_SetObject("last_traceback", traceback ? traceback.get() : Py_None);
  if (minor_version() >= 12) PySys_SetObject("last_exc", exception.get());
  PyErr_Clear();
}

void Reporter::forget_last() {
  for (const char* name : {"last_type", "last_value", "last_traceback", "last_exc"}) {
    PySys_SetObject(name, nullptr);
  }
  PyErr_Clear();
}

Outcome Reporter::outcome(const Ref& exception, const Run& run, const Cell* cell) {
  if (cell != nullptr && !call_sources("keep_cell", run, *cell)) PyErr_Clear();
  Report told = report(exception);
  PyErr_Clear();
  if (is(exception, PyExc_SystemExit)) return Exited{std::move(told), exit_code(exception)};
  if (is(exception, PyExc_MemoryError)) {
    forget_last();  // its frames hold the memory that the next execution needs
  } else {
    set_last(exception);
  }
  call_user_hook(exception);
  if (is(exception, PyExc_KeyboardInterrupt)) return Interrupted{std::move(told)};
  if (is(exception, PyExc_MemoryError)) return OutOfMemory{std::move(told)};
  return Raised{std::move(told)};
}

Outcome Reporter::fault(const Ref& exception) {
  Report told = report(exception);
  PyErr_Clear();
  if (is(exception, PyExc_KeyboardInterrupt)) return Interrupted{std::move(told)};
  if (is(exception, PyExc_MemoryError)) return OutOfMemory{std::move(told)};
  return Raised{std::move(told)};
}

std::string Reporter::summary(const Ref& exception) {
  const Report told = report(exception);
  std::string line = told.message.empty() ? told.type : told.type + ": " + told.message;
  std::ranges::replace(line, '\n', ' ');
  return line;
}

}  // namespace replwire::runtime
