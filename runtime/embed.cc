// The one file that needs more than the Limited API: PyConfig is no part of it.
#undef Py_LIMITED_API
#include "runtime/embed.h"

#include <csignal>

#include "runtime/object.h"

namespace replwire::runtime {
namespace {

// Python would take an inherited "ignore" (a job that a shell started in the background) as the
// user's wish, and no interrupt could ever arrive.
void reset_sigint() { std::signal(SIGINT, SIG_DFL); }

// As `python3` without a script has it: modules are found in the current folder.
bool find_modules_in_current_folder() {
  PyObject* path = PySys_GetObject("path");
  PyObject* flags = PySys_GetObject("flags");
  for (const char* name : {"isolated", "safe_path"}) {
    const Ref safe(flags != nullptr ? PyObject_GetAttrString(flags, name) : nullptr);
    PyErr_Clear();
    if (safe && PyObject_IsTrue(safe.get()) == 1) return true;
  }
  const Ref empty = make_str("");
  return path != nullptr && empty && PyList_Insert(path, 0, empty.get()) == 0;
}

std::string text(const PyStatus& status) {
  return status.err_msg != nullptr ? status.err_msg : "Python did not start";
}

}  // namespace

std::string start_embedded_python(std::vector<std::string> line, const std::string& executable) {
  reset_sigint();
  std::vector<char*> arguments;
  for (std::string& word : line) arguments.push_back(word.data());
  const auto size = static_cast<Py_ssize_t>(arguments.size());
  PyPreConfig preconfig;
  PyPreConfig_InitPythonConfig(&preconfig);
  preconfig.coerce_c_locale = 1;
  PyStatus status = Py_PreInitializeFromBytesArgs(&preconfig, size, arguments.data());
  if (PyStatus_Exception(status) != 0) return text(status);
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  status = PyConfig_SetBytesArgv(&config, size, arguments.data());
  for (wchar_t** path : {&config.program_name, &config.executable}) {
    if (PyStatus_Exception(status) != 0) break;
    status = PyConfig_SetBytesString(&config, path, executable.c_str());
  }
  if (PyStatus_Exception(status) == 0) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status) != 0) return text(status);
  return find_modules_in_current_folder() ? std::string() : "Python did not start";
}

void end_embedded_python(int status) { Py_Exit(status); }

}  // namespace replwire::runtime
