#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace replwire::server {

// What the kernel is to keep the interpreter from, and all that it starts.
struct SandboxOptions {
  enum class Filesystem { kOpen, kReadOnly, kWorkspace };

  bool on() const { return filesystem != Filesystem::kOpen; }

  Filesystem filesystem = Filesystem::kOpen;
  std::vector<std::string> write;  // as they were given
  std::vector<std::string> read;   // empty: everything
  bool network = false;

  // Found out as the program starts (Sandbox::prepare).
  std::vector<std::string> writable;  // what `ready` tells
  int keeper = -1;                    // of the temporary folder; -1: there is none
};

// Of each process that the session starts: it may lower it, and never raise it.
struct ResourceLimit {
  enum class Kind { kCpu, kProcesses, kFileSize, kOpenFiles };

  Kind kind;
  std::uint64_t most;  // seconds, a number, or bytes
};

}  // namespace replwire::server
