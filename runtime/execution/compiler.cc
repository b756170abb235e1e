#include "runtime/execution/compiler.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/hooks/own_modules.h"

namespace replwire::runtime {
namespace {

constexpr long kFutureFlags = 0x1FE0000;  // all of CO_FUTURE_*, CPython 3.9 to 3.14
constexpr long kOnlyAst = 0x400;          // PyCF_ONLY_AST
constexpr long kTopLevelAwait = 0x2000;   // PyCF_ALLOW_TOP_LEVEL_AWAIT
constexpr long kCoroutine = 0x80;         // CO_COROUTINE

enum class Shape { kStatement, kMaybeExpression, kUnknown };

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool starts_statement(std::string_view word) {
  constexpr std::array<std::string_view, 23> kKeywords = {
      "import", "from",  "def",      "class", "for",  "while",  "if",     "with",
      "try",    "del",   "return",   "raise", "pass", "break",  "global", "nonlocal",
      "assert", "async", "continue", "else",  "elif", "except", "finally"};
  return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
}

// A cheap look that spares most code the way through a syntax tree (20 µs). Being wrong costs
// time, never correctness: a statement is only called one when it surely is.
Shape guess(std::string_view code) {
  while (!code.empty() && code.back() == '\n') code.remove_suffix(1);
  if (code.find_first_of("\n;\r\f\\") != std::string_view::npos) return Shape::kUnknown;
  const auto end = std::find_if_not(code.begin(), code.end(), is_word);
  const std::string_view word = code.substr(0, static_cast<std::size_t>(end - code.begin()));
  if (starts_statement(word)) return Shape::kStatement;
  std::string_view rest = code.substr(word.size());
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const bool assigns = !word.empty() && rest.size() > 1 && rest[0] == '=' && rest[1] != '=';
  return assigns ? Shape::kStatement : Shape::kMaybeExpression;
}

}  // namespace

bool Compiler::start() {
  PyObject* builtins = own_modules::copy_of("builtins");
  compile_ = Ref(builtins != nullptr ? PyObject_GetAttrString(builtins, "compile") : nullptr);
  exec_ = make_name("exec");
  eval_ = make_name("eval");
  co_flags_ = make_name("co_flags");
  return static_cast<bool>(compile_);
}

// Nothing is imported for it: user code may have put something else in the place of `_ast`.
void Compiler::warm_up() {
  const Ref code = make_str("0");
  const Ref name = make_str("");
  const auto type_of = [](const Ref& object) {
    return Ref::borrow(object ? reinterpret_cast<PyObject*>(Py_TYPE(object.get())) : nullptr);
  };
  const Ref wrap = call(code.get(), name.get(), eval_, kOnlyAst);
  const Ref module = call(code.get(), name.get(), exec_, kOnlyAst);
  const Ref body(module ? PyObject_GetAttrString(module.get(), "body") : nullptr);
  ast_wrap_ = type_of(wrap);
  ast_expr_ = type_of(Ref(body ? PySequence_GetItem(body.get(), 0) : nullptr));
  // Without that module CPython 3.10 shows a warning with a line of the file that has the name.
  PyObject* hexversion =
      PyDict_GetItemString(PyModule_GetDict(own_modules::copy_of("sys")), "hexversion");
  constexpr long kNext = 0x030B0000;
  if (hexversion != nullptr && PyLong_AsLong(hexversion) < kNext) {
    own_modules::import_standard("warnings");
  }
  PyErr_Clear();
}

Ref Compiler::name_of(const Run& run) {
  return make_str(
      run.filename.value_or("<execution " + std::to_string(run.execution->serial) + ">"));
}

std::optional<Cell> Compiler::compile(const Run& run, const Ref& filename) {
  // Newlines in front put every line number right: of code, of warnings, of a SyntaxError.
  const std::string lead(static_cast<std::size_t>(run.first_line - 1), '\n');
  Cell cell;
  cell.filename = filename;
  const Ref source = make_str(lead.empty() ? run.code : lead + run.code);
  if (!cell.filename || !source || !compile_cell(source.get(), run, cell)) return std::nullopt;
  return cell;
}

bool Compiler::compile_cell(PyObject* source, const Run& run, Cell& cell) {
  switch (guess(run.code)) {
    case Shape::kStatement:
      cell.body = finish(call(source, cell.filename.get(), exec_, flags_ | kTopLevelAwait), cell);
      return static_cast<bool>(cell.body);
    case Shape::kMaybeExpression:
      cell.expression =
          finish(call(source, cell.filename.get(), eval_, flags_ | kTopLevelAwait), cell);
      if (cell.expression) return true;
      PyErr_Clear();
      break;
    case Shape::kUnknown:
      break;
  }
  return split(source, cell);
}

bool Compiler::split(PyObject* source, Cell& cell) {
  const Ref tree = call(source, cell.filename.get(), exec_, flags_ | kTopLevelAwait | kOnlyAst);
  if (!tree) return false;
  const Ref body(PyObject_GetAttrString(tree.get(), "body"));
  const Py_ssize_t size = body ? PyList_Size(body.get()) : -1;
  if (size < 0) return false;
  PyObject* last = size == 0 ? nullptr : PyList_GetItem(body.get(), size - 1);
  Ref expression;
  if (last != nullptr && reinterpret_cast<PyObject*>(Py_TYPE(last)) == ast_expr_.get()) {
    const Ref value(PyObject_GetAttrString(last, "value"));
    expression = Ref(PyObject_CallFunctionObjArgs(ast_wrap_.get(), value.get(), nullptr));
    if (!expression || PySequence_DelItem(body.get(), size - 1) != 0) return false;
  }
  if (!expression || size > 1) {
    cell.body = finish(call(tree.get(), cell.filename.get(), exec_, flags_ | kTopLevelAwait), cell);
    if (!cell.body) return false;
  }
  if (!expression) return true;
  cell.expression =
      finish(call(expression.get(), cell.filename.get(), eval_, flags_ | kTopLevelAwait), cell);
  return static_cast<bool>(cell.expression);
}

Ref Compiler::call(PyObject* source, PyObject* filename, const Ref& mode, long flags) {
  const Ref number(PyLong_FromLong(flags));
  // The last one is dont_inherit: no flags of whatever code happens to run.
  return Ref(PyObject_CallFunctionObjArgs(compile_.get(), source, filename, mode.get(),
                                          number.get(), Py_True, nullptr));
}

// Notes which __future__ imports the code made, and whether it awaits.
Ref Compiler::finish(Ref code, Cell& cell) {
  if (!code) return code;
  const Ref object(PyObject_GetAttr(code.get(), co_flags_.get()));
  const long flags = object ? PyLong_AsLong(object.get()) : 0;
  flags_ |= flags & kFutureFlags;
  if ((flags & kCoroutine) != 0) cell.awaits = true;
  return code;
}

}  // namespace replwire::runtime
