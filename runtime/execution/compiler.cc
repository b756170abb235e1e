#include "runtime/execution/compiler.h"

#include <algorithm>
#include <array>
#include <string>

#include "runtime/bundle.h"
#include "runtime/execution/dedent.h"
#include "runtime/hooks/own_modules.h"

namespace replwire::runtime {
namespace {

constexpr long kFutureFlags = 0x1FE0000;  // all of CO_FUTURE_*, CPython 3.9 to 3.14
constexpr long kOnlyAst = 0x400;          // PyCF_ONLY_AST
constexpr long kTopLevelAwait = 0x2000;   // PyCF_ALLOW_TOP_LEVEL_AWAIT
constexpr long kCoroutine = 0x80;         // CO_COROUTINE

enum class Guess { kStatement, kMaybeExpression, kUnknown };

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
Guess guess(std::string_view code) {
  while (!code.empty() && code.back() == '\n') code.remove_suffix(1);
  if (code.find_first_of("\n;\r\f\\") != std::string_view::npos) return Guess::kUnknown;
  const auto end = std::find_if_not(code.begin(), code.end(), is_word);
  const std::string_view word = code.substr(0, static_cast<std::size_t>(end - code.begin()));
  if (starts_statement(word)) return Guess::kStatement;
  std::string_view rest = code.substr(word.size());
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const bool assigns = !word.empty() && rest.size() > 1 && rest[0] == '=' && rest[1] != '=';
  return assigns ? Guess::kStatement : Guess::kMaybeExpression;
}

}  // namespace

bool Compiler::start(PyObject* wire) {
  wire_ = Ref::borrow(wire);
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

std::optional<Cell> Compiler::compile(const Run& run, const Ref& filename, const Ref& space) {
  std::optional<Dedented> dedented;
  if (run.dedent) dedented = dedent(run.code);
  const std::string& code = dedented ? dedented->code : run.code;
  // Newlines in front put every line number right: of code, of warnings, of a SyntaxError.
  const std::string lead(static_cast<std::size_t>(run.first_line - 1), '\n');
  Cell cell;
  cell.filename = filename;
  cell.space = space;
  cell.flags = flags(run, space);
  const Ref source = make_str(lead.empty() ? code : lead + code);
  const Shape shape = {dedented ? dedented->margin : 0, run.every_value && !run.silent};
  if (!cell.filename || !source || !compile_cell(source.get(), code, shape, cell))
    return std::nullopt;
  if (!run.module) flags_ = cell.flags;
  return cell;
}

std::optional<Cell> Compiler::compile_expression(std::string_view code, const Cell& beside) {
  Cell cell;
  cell.filename = make_str("<expression>");
  cell.space = beside.space;
  cell.flags = beside.flags;
  code.remove_prefix(std::min(code.find_first_not_of(" \t"), code.size()));
  const Ref source = make_str(code);
  if (!cell.filename || !source) return std::nullopt;
  cell.expression = finish(compile_as(eval_, source.get(), cell), cell);
  return cell.expression ? std::optional(std::move(cell)) : std::nullopt;
}

// As doctest finds them: a module that has made one has the feature among its names.
long Compiler::flags(const Run& run, const Ref& space) const {
  if (!run.module) return flags_;
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "__future__");
  if (module == nullptr || PyModule_Check(module) == 0) return 0;
  long flags = 0;
  PyObject* name = nullptr;
  PyObject* feature = nullptr;
  Py_ssize_t position = 0;
  while (PyDict_Next(PyModule_GetDict(module), &position, &name, &feature) != 0) {
    if (PyDict_GetItemWithError(space.get(), name) != feature) continue;
    const Ref flag(PyObject_GetAttrString(feature, "compiler_flag"));
    if (flag && PyLong_Check(flag.get()) != 0) flags |= PyLong_AsLong(flag.get());
    PyErr_Clear();
  }
  return flags & kFutureFlags;
}

bool Compiler::compile_cell(PyObject* source, std::string_view code, const Shape& shape,
                            Cell& cell) {
  switch (shape.margin == 0 ? guess(code) : Guess::kUnknown) {
    case Guess::kStatement:
      cell.body = finish(compile_as(exec_, source, cell), cell);
      return static_cast<bool>(cell.body);
    case Guess::kMaybeExpression:
      cell.expression = finish(compile_as(eval_, source, cell), cell);
      if (cell.expression) return true;
      PyErr_Clear();
      break;
    case Guess::kUnknown:
      break;
  }
  return split(source, shape, cell);
}

// Null with a Python exception set.
PyObject* Compiler::tree_function(const char* name) {
  if (!trees_) trees_ = load_bundled("trees", wire_.get());
  return trees_ ? PyDict_GetItemString(trees_.get(), name) : nullptr;
}

bool Compiler::restore_margin(const Ref& tree, std::size_t margin) {
  if (margin == 0) return true;
  PyObject* shift = tree_function("shift");
  return shift != nullptr &&
         Ref(PyObject_CallFunction(shift, "On", tree.get(), static_cast<Py_ssize_t>(margin)));
}

bool Compiler::compile_parts(const Ref& tree, Cell& cell) {
  PyObject* segments = tree_function("segments");
  const Ref found(segments != nullptr
                      ? PyObject_CallFunctionObjArgs(segments, tree.get(), ast_wrap_.get(), nullptr)
                      : nullptr);
  const Py_ssize_t size = found ? PyList_Size(found.get()) : -1;
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* segment = PyList_GetItem(found.get(), i);
    const long line = PyLong_AsLong(PyTuple_GetItem(segment, 1));
    const Ref& mode = line != 0 ? eval_ : exec_;
    Ref code = finish(compile_as(mode, PyTuple_GetItem(segment, 0), cell), cell);
    if (!code) return false;
    cell.parts.push_back({std::move(code), line});
  }
  return size >= 0;
}

bool Compiler::split(PyObject* source, const Shape& shape, Cell& cell) {
  const Ref tree = compile_as(exec_, source, cell, kOnlyAst);
  if (!tree || !restore_margin(tree, shape.margin)) return false;
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
  if (shape.every_value) {
    if (!compile_parts(tree, cell)) return false;
  } else if (!expression || size > 1) {
    cell.body = finish(compile_as(exec_, tree.get(), cell), cell);
    if (!cell.body) return false;
  }
  if (!expression) return true;
  cell.expression = finish(compile_as(eval_, expression.get(), cell), cell);
  return static_cast<bool>(cell.expression);
}

Ref Compiler::compile_as(const Ref& mode, PyObject* source, const Cell& cell, long flags) {
  return call(source, cell.filename.get(), mode, cell.flags | kTopLevelAwait | flags);
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
  cell.flags |= flags & kFutureFlags;
  if ((flags & kCoroutine) != 0) cell.awaits = true;
  return code;
}

}  // namespace replwire::runtime
