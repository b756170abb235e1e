#pragma once

#include <string>
#include <variant>

#include "server/system/options.h"

namespace replwire::server {

// The Python that the session runs in, and which way.
struct ChosenPython {
  std::string file;      // absolute, the interpreter
  std::string name;      // as its user would call it: what its argv[0] is
  std::string why;       // both choices, in words
  bool embedded = true;  // the one in this program stands for it; else the process becomes it
};

// What the program comes with.
struct OwnPython {
  bool held = false;
  std::string installed_into;  // empty: nothing
};

// What --python asks for, else VIRTUAL_ENV, else CONDA_PREFIX, else a `.venv` in the working
// directory or above it, else what the program was installed into, else what it holds; or in one
// line why that cannot be. Reads files; starts a process only to learn about a file whose
// name is no Python's.
std::variant<ChosenPython, std::string> choose_python(const Options& options, const OwnPython& own);

// What it reads of itself, its libraries and packages: of the environment, and of what that was
// made from.
std::vector<std::string> folders_of(const ChosenPython& python);

}  // namespace replwire::server
