// The one file that needs more than the Limited API: PyConfig is no part of it.
#undef Py_LIMITED_API
#include "runtime/embed.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <csignal>
#include <cstdlib>

namespace replwire::runtime {
namespace {

// Python would take an inherited "ignore" (a job that a shell started in the background) as the
// user's wish, and no interrupt could ever arrive.
void reset_sigint() { std::signal(SIGINT, SIG_DFL); }

// `sys.executable` has to be a real interpreter, or multiprocessing, venv and subprocess break.
// A virtual environment of the same version counts; Python finds the rest from its path.
std::string executable() {
  if (const char* venv = std::getenv("VIRTUAL_ENV")) {
    const std::string version = std::string(venv) + "/lib/python" REPLWIRE_PYTHON_VERSION;
    const std::string python = std::string(venv) + "/bin/python3";
    if (access(version.c_str(), F_OK) == 0 && access(python.c_str(), X_OK) == 0) return python;
  }
  return REPLWIRE_PYTHON_EXECUTABLE;
}

}  // namespace

std::string start_embedded_python() {
  reset_sigint();
  PyPreConfig preconfig;
  PyPreConfig_InitPythonConfig(&preconfig);
  preconfig.parse_argv = 0;
  preconfig.coerce_c_locale = 1;
  PyConfig config;
  PyStatus status = Py_PreInitialize(&preconfig);
  if (PyStatus_Exception(status) != 0) return status.err_msg;
  PyConfig_InitPythonConfig(&config);
  config.parse_argv = 0;
  const std::string python = executable();
  status = PyConfig_SetBytesString(&config, &config.program_name, python.c_str());
  if (PyStatus_Exception(status) == 0) {
    status = PyConfig_SetBytesString(&config, &config.executable, python.c_str());
  }
  if (PyStatus_Exception(status) == 0) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status) == 0) return {};
  return status.err_msg != nullptr ? status.err_msg : "Python did not start";
}

}  // namespace replwire::runtime
