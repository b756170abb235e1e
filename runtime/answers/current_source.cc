#include "runtime/answers/current_source.h"

#include "runtime/hooks/patches.h"

namespace replwire::runtime::current_source {
namespace {

// Made once: looking them up costs neither an allocation nor a hash.
struct Names {
  Ref module = make_name("linecache");
  Ref cache = make_name("cache");
};

const Names& names() {
  static const auto* made = new Names;  // never freed: the interpreter may be gone by then
  return *made;
}

struct State {
  const Run* run = nullptr;
  const Ref* filename = nullptr;
  Ref entry;             // what stands in linecache
  bool covered = false;  // another one stood there
};

// Global, since the process has one interpreter; never freed, since an exit() of C comes without
// the GIL.
State& state = *new State;

// Borrowed; null when linecache has not been imported.
PyObject* cache() {
  PyObject* module = PyDict_GetItemWithError(PyImport_GetModuleDict(), names().module.get());
  if (module == nullptr || PyModule_Check(module) == 0) return nullptr;
  PyObject* space = PyModule_GetDict(module);
  PyObject* found = PyDict_GetItemWithError(space, names().cache.get());
  if (found == nullptr || PyDict_Check(found) == 0) return nullptr;
  if (PyDict_CheckExact(found) != 0 && patch_module("linecache", module)) {
    found = PyDict_GetItemWithError(space, names().cache.get());
  }
  PyErr_Clear();
  return found;
}

bool append_line(const Ref& lines, std::string text) {
  text.push_back('\n');
  const Ref line = make_str(text);
  return line && PyList_Append(lines.get(), line.get()) == 0;
}

Ref lines_of(const Run& run) {
  Ref lines(PyList_New(0));
  for (std::int64_t n = 1; lines && n < run.first_line; ++n) {
    if (!append_line(lines, "")) return {};
  }
  std::size_t begin = 0;
  for (bool more = true; lines && more;) {
    const std::size_t end = run.code.find('\n', begin);
    more = end != std::string::npos;
    std::string line = run.code.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    if (!append_line(lines, std::move(line))) return {};
    begin = end + 1;
  }
  return lines;
}

}  // namespace

void begin(const Run& run, const Ref& filename) {
  state = {&run, &filename, {}, false};
  publish();
}

void publish() {
  PyObject* found = state.run != nullptr ? cache() : nullptr;
  if (found == nullptr) return;
  const Ref lines = lines_of(*state.run);
  state.covered = PyDict_GetItemWithError(found, state.filename->get()) != nullptr;
  if (lines) {
    state.entry = Ref(Py_BuildValue("(nOOO)", static_cast<Py_ssize_t>(state.run->code.size()),
                                    Py_None, lines.get(), state.filename->get()));
  }
  if (!state.entry || PyDict_SetItem(found, state.filename->get(), state.entry.get()) != 0) {
    PyErr_Clear();
  }
}

bool end() {
  const State ended = std::exchange(state, {});
  PyObject* found = ended.entry ? cache() : nullptr;
  if (found == nullptr ||
      PyDict_GetItemWithError(found, ended.filename->get()) != ended.entry.get()) {
    return false;
  }
  if (PyDict_DelItem(found, ended.filename->get()) != 0) PyErr_Clear();
  return ended.covered;
}

}  // namespace replwire::runtime::current_source
