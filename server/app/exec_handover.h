#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/app/chosen_python.h"
#include "server/system/descriptors/standard_streams.h"

// The process becomes another Python, which loads the rest of this program as a module: what the
// program leaves behind, and what the module finds.
namespace replwire::server::exec_handover {

struct ExecHandover {
  StandardStreams streams;
  std::string why;                 // the choice of Python, in words
  std::string folder;              // where the command line was given: its paths are relative to it
  std::vector<std::string> words;  // the command line
  // With --survive the interpreter's process has of the streams the error alone, and these.
  std::vector<int> channels = {};
  // Without it, in a sandbox: the number of SandboxOptions::keeper, and what is writable.
  std::vector<std::string> sandbox = {};
};

// Where the module is, or would be; empty without /proc.
std::string module_file();

// Whether it is there.
bool is_possible();

// The process's own standard streams are out of the way before Python starts, since what runs in
// it then may read and print. Returns only when it failed, with the reason.
std::string become(const ChosenPython& python, const std::vector<std::string>& switches,
                   ExecHandover handover);

// From what the module was handed as text; nothing when that is not what become() left.
std::optional<ExecHandover> unpack(std::vector<std::string> handed);

}  // namespace replwire::server::exec_handover
