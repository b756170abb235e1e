// The extension module `_replwire`: the server in a Python that runs already, because the program
// became it (server/exec_handover.h). Nobody imports it by name, and it is in sys.modules for
// nobody.
#include <fcntl.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <variant>

#include "runtime/guard.h"
#include "runtime/hooks/first_frame.h"
#include "runtime/interpreter.h"
#include "server/app/exec_handover.h"
#include "server/app/process_title.h"
#include "server/serve/interpreter_process.h"
#include "server/serve/local.h"

namespace replwire::server {
namespace {

using runtime::Ref;

// The words behind the code that `-c` was given.
std::vector<std::string> handed() {
  std::vector<std::string> words;
  PyObject* list = PySys_GetObject("argv");
  const Py_ssize_t size = list != nullptr && PyList_Check(list) != 0 ? PyList_Size(list) : 0;
  for (Py_ssize_t i = 1; i < size; ++i) {
    const Ref bytes(PyUnicode_EncodeFSDefault(PyList_GetItem(list, i)));
    if (!bytes) return {};
    words.emplace_back(PyBytes_AsString(bytes.get()),
                       static_cast<std::size_t>(PyBytes_Size(bytes.get())));
  }
  return words;
}

// sys.argv and sys.orig_argv as without `-c`, which `words` words follow.
bool hide_arguments(std::size_t words) {
  PyObject* argv = PySys_GetObject("argv");
  PyObject* line = PySys_GetObject("orig_argv");
  const Ref none(PyList_New(0));
  const Ref empty = runtime::make_str("");
  if (argv == nullptr || line == nullptr || !none || !empty) return false;
  const Py_ssize_t size = PyList_Size(line);
  const auto ours = static_cast<Py_ssize_t>(words + 2);
  Py_INCREF(empty.get());
  return PyList_SetSlice(argv, 1, PyList_Size(argv), nullptr) == 0 &&
         PyList_SetItem(argv, 0, empty.get()) == 0 && size > ours &&
         PyList_SetSlice(line, size - ours, size, nullptr) == 0;
}

// What `-c` defined in __main__.
void forget_names() {
  PyObject* main = PyImport_AddModule("__main__");
  PyObject* space = main != nullptr ? PyModule_GetDict(main) : nullptr;
  for (const char* name : {"sys", "refusal", "spec", "module"}) {
    if (space != nullptr && PyDict_DelItemString(space, name) != 0) PyErr_Clear();
  }
}

// Its handlers have to lie above ours, as when Python starts after us.
void disable_faulthandler() {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "faulthandler");
  if (module == nullptr) return;
  if (!Ref(PyObject_CallMethod(module, "disable", nullptr))) PyErr_Clear();
}

// What .pth files printed and Python kept goes where they printed it.
void flush_streams() {
  for (const char* name : {"stdout", "stderr"}) {
    PyObject* stream = PySys_GetObject(name);
    if (stream == nullptr || stream == Py_None) continue;
    if (!Ref(PyObject_CallMethod(stream, "flush", nullptr))) PyErr_Clear();
  }
}

// The program has parsed it before, in that folder, and then gone where --cwd says.
std::variant<Options, int> parse_in(const std::string& folder, std::vector<char*>& argv) {
  std::error_code error;
  const auto here = std::filesystem::current_path(error);
  if (!folder.empty()) std::filesystem::current_path(folder, error);
  auto parsed = parse_options(static_cast<int>(argv.size()), argv.data());
  std::filesystem::current_path(here, error);
  return parsed;
}

// Which the program set before it became this one.
void find_sandbox(SandboxOptions& sandbox, const std::vector<std::string>& told) {
  if (told.empty()) return;
  sandbox.keeper = std::atoi(told[0].c_str());
  ::fcntl(sandbox.keeper, F_SETFD, FD_CLOEXEC);
  sandbox.writable.assign(told.begin() + 1, told.end());
}

// The exit status; nothing when the words are not the program's.
std::optional<int> serve_here(std::vector<std::string> words) {
  // Never deleted, nor are the options: they outlive an exit() of C.
  auto& handover = *new auto(exec_handover::unpack(std::move(words)));
  if (!handover) return std::nullopt;
  std::vector<char*> argv;
  for (std::string& word : handover->words) argv.push_back(word.data());
  auto& parsed = *new auto(parse_in(handover->folder, argv));
  auto* options = std::get_if<Options>(&parsed);
  if (options == nullptr) return std::nullopt;
  find_sandbox(options->sandbox, handover->sandbox);
  set_process_title(handover->words);
  std::signal(SIGPIPE, SIG_IGN);
  const auto start = [] { return std::string(); };  // Python runs
  if (!handover->channels.empty()) {
    { const StandardStreams closed = std::move(handover->streams); }
    return survive::run_handed_interpreter(*options, handover->channels, start);
  }
  const auto streams = [&handover] { return std::move(handover->streams); };
  return serve(*options, streams, start, handover->why);
}

PyObject* run(PyObject* /*module*/, PyObject* /*unused*/) {
  std::vector<std::string> words = handed();
  flush_streams();
  if (!hide_arguments(words.size())) return nullptr;
  forget_names();
  disable_faulthandler();
  runtime::hide_first_frame();
  const auto status = serve_here(std::move(words));
  runtime::show_first_frame();
  if (!status) {
    PyErr_SetString(PyExc_RuntimeError, "the module is for the program replwire to load");
    return nullptr;
  }
  if (*status == 0) Py_RETURN_NONE;
  const Ref code(PyLong_FromLong(*status));
  PyErr_SetObject(PyExc_SystemExit, code.get());
  return nullptr;
}

PyMethodDef methods[] = {{"run", runtime::guarded<run>, METH_NOARGS,
                          "Serves the session; returns when Python is to end."},
                         {nullptr, nullptr, 0, nullptr}};

// Of several phases: Python leaves it out of sys.modules.
PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_replwire", nullptr, 0, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace
}  // namespace replwire::server

PyMODINIT_FUNC PyInit__replwire() { return PyModuleDef_Init(&replwire::server::definition); }
