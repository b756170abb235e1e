#pragma once

// Which system calls there are for the session's code: by seccomp, where Landlock has no rules.
namespace replwire::server::call_filter {

struct Leave {
  bool network;    // sockets of every kind
  bool metadata;   // modes, owners, times and attributes of files
  bool truncates;  // by name: Landlock sees to it from its version 3 on
};

// Whether the kernel has such filters, and this program a list for the processor.
bool is_possible();

// Holds the calling thread to it, and all that it starts; false, with errno set, where that
// cannot be.
bool enforce(const Leave& leave);

}  // namespace replwire::server::call_filter
