#include "runtime/answers/advisor.h"

#include "runtime/answers/python_json.h"
#include "runtime/bundle.h"
#include "runtime/hooks/debugger.h"

namespace replwire::runtime {
namespace {

Ref make_arguments(const char* format, const std::string& text, long long first, long long second) {
  const Ref code = make_str(text);
  return code ? Ref(Py_BuildValue(format, code.get(), first, second)) : Ref();
}

// A cursor that the client left out is one beyond all code.
long long cursor_of(const std::optional<std::int64_t>& cursor) {
  return cursor.value_or(std::int64_t{1} << 53);
}

PyObject* item(const Ref& tuple, Py_ssize_t n) { return PyTuple_GetItem(tuple.get(), n); }

// What the bundled code keeps within bounds is always within them.
std::string json_item(const Ref& tuple, Py_ssize_t n, const char* other) {
  return plain_json(item(tuple, n), kInquiryBytes).value_or(other);
}

std::string text_item(const Ref& tuple, Py_ssize_t n) { return utf8(item(tuple, n)).value_or(""); }

std::string describe_exception() {
  const Ref exception = take_exception();
  const Ref shown(exception ? PyObject_Repr(exception.get()) : nullptr);
  auto text = shown ? utf8(shown.get()) : std::nullopt;
  PyErr_Clear();
  return text.value_or("an exception without a repr");
}

}  // namespace

bool Advisor::use_jedi() {
  const Ref util(PyImport_ImportModule("importlib.util"));
  const Ref spec(util ? PyObject_CallMethod(util.get(), "find_spec", "s", "jedi") : nullptr);
  PyErr_Clear();
  with_jedi_ = spec && spec.get() != Py_None;
  return with_jedi_;
}

bool Advisor::load() {
  if (ask_) return true;
  PyObject* wire = hooks_.wire();
  if (!startup_) startup_ = Ref(PyDict_New());
  if (!startup_ || PyObject_SetAttrString(wire, "main", main_.space()) != 0 ||
      PyObject_SetAttrString(wire, "startup", startup_.get()) != 0 ||
      PyObject_SetAttrString(wire, "with_jedi", with_jedi_ ? Py_True : Py_False) != 0) {
    return false;
  }
  ask_ = load_bundled("ask", wire);
  return static_cast<bool>(ask_);
}

void Advisor::forget() {
  for (const char* name : {"main", "startup", "use"}) {
    if (ask_ && PyObject_SetAttrString(hooks_.wire(), name, Py_None) != 0) PyErr_Clear();
  }
}

Ref Advisor::consult(const char* function, const Ref& arguments) {
  if (!ask_) return {};
  PyObject* callable = PyDict_GetItemString(ask_.get(), function);
  if (callable == nullptr || !arguments) return {};
  return Ref(PyObject_Call(callable, arguments.get(), nullptr));
}

InquiryReply Advisor::answer(const Inquiry& inquiry) {
  const debugger::Hidden hidden;
  InquiryReply told = {inquiry.number, {}, {}};
  if (!load()) told.fault = describe_exception();
  std::visit([&](const auto& subject) { tell(subject, told); }, inquiry.subject);
  if (PyErr_Occurred() != nullptr) told.fault = describe_exception();
  return told;
}

void Advisor::tell(const Complete& inquiry, InquiryReply& told) {
  auto& answer = told.answer.emplace<Completions>();
  const Ref result =
      consult("complete", make_arguments("(OLL)", inquiry.code, cursor_of(inquiry.cursor), 0));
  if (!result) return;
  answer.matches = json_item(result, 0, "[]");
  answer.start = PyLong_AsLongLong(item(result, 1));
  answer.end = PyLong_AsLongLong(item(result, 2));
  answer.metadata = json_item(result, 3, "{}");
  answer.partial = item(result, 4) == Py_True;
}

void Advisor::tell(const Inspect& inquiry, InquiryReply& told) {
  auto& answer = told.answer.emplace<Inspection>();
  const Ref result = consult(
      "inspect", make_arguments("(OLL)", inquiry.code, cursor_of(inquiry.cursor), inquiry.source));
  if (!result) return;
  answer.found = item(result, 0) == Py_True;
  answer.data = json_item(result, 1, "{}");
  answer.partial = item(result, 2) == Py_True;
  if (item(result, 3) != Py_None) answer.definition = json_item(result, 3, "null");
  if (item(result, 4) != Py_None) answer.signatures = json_item(result, 4, "[]");
}

void Advisor::tell(const IsComplete& inquiry, InquiryReply& told) {
  auto& answer = told.answer.emplace<Completeness>();
  const Ref result = consult("is_complete", make_arguments("(OLL)", inquiry.code, 0, 0));
  if (!result) return;
  answer.status = text_item(result, 0);
  if (item(result, 1) != Py_None) answer.indent = text_item(result, 1);
}

Ref Advisor::path_of(const Variables& inquiry) {
  Ref path(PyList_New(0));
  for (const PathStep& step : inquiry.path) {
    const auto* name = std::get_if<std::string>(&step);
    const Ref object =
        name != nullptr ? make_str(*name) : Ref(PyLong_FromLongLong(std::get<std::int64_t>(step)));
    if (!path || !object || PyList_Append(path.get(), object.get()) != 0) return {};
  }
  return path;
}

void Advisor::tell(const Variables& inquiry, InquiryReply& told) {
  auto& answer = told.answer.emplace<VariableList>();
  const Ref prefix = make_str(inquiry.prefix);
  const Ref path = path_of(inquiry);
  const Ref result =
      prefix && path
          ? consult(
                "variables",
                Ref(Py_BuildValue("(OLLO)", prefix.get(), static_cast<long long>(inquiry.offset),
                                  static_cast<long long>(inquiry.limit.value_or(-1)), path.get())))
          : Ref();
  if (!result) return;
  if (PyTuple_Size(result.get()) == 1) {
    answer.lost = PyLong_AsLongLong(item(result, 0));
    return;
  }
  answer.total = PyLong_AsLongLong(item(result, 0));
  answer.variables = json_item(result, 1, "[]");
  answer.partial = item(result, 2) == Py_True;
}

void Advisor::tell(const Debug& inquiry, InquiryReply& told) {
  told.answer = debugger::listen(inquiry);
}

}  // namespace replwire::runtime
