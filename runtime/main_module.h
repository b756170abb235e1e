#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "runtime/object.h"

namespace replwire::runtime {

// `__main__`, the one namespace in which everything runs, and the last results in `builtins`
// (`_`, `__`, `___`). Lives on the worker.
class MainModule {
 public:
  // False with a Python exception set.
  bool start();

  PyObject* space() const { return space_.get(); }

  // Before an execution: code finds the built-in names whatever has become of the namespace, and a
  // line of it is another line than those before, and may warn as they did.
  void prepare();

  // The value of an execution becomes `_`.
  void shift_results(PyObject* value);

  // As it was at the start; what user code put there is dropped.
  void reset();

 private:
  Ref space_;
  Ref pristine_;  // a copy of the namespace at the start
  Ref builtins_;
  Ref warned_;         // "__warningregistry__"
  Ref builtins_name_;  // "__builtins__", and the module
  Ref builtins_module_;
  std::array<Ref, 3> names_;  // "_", "__", "___"
};

// What `__name__` says in a namespace, if something else than usual, for the length of a scope.
class ModuleName {
 public:
  ModuleName(const Ref& space, const std::optional<std::string>& name);
  ModuleName(const ModuleName&) = delete;
  ModuleName& operator=(const ModuleName&) = delete;
  ~ModuleName();

 private:
  Ref space_;   // null: nothing is to be put back
  Ref before_;  // null: it had none
};

// Names of the live threads but for the worker's own.
std::vector<std::string> live_threads();
// What the system calls the threads that `threading` knows, the main one included.
std::vector<pid_t> thread_numbers();

}  // namespace replwire::runtime
