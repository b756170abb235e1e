#pragma once

#include <sys/types.h>

#include <string>

namespace replwire::server {

// How an interpreter's process came to its end.
struct Death {
  pid_t pid;              // 0: it never said
  int status;             // as waitpid() tells it
  std::string traceback;  // what stood there when a deadly signal came
  bool out_of_memory;     // the system killed it for that
  bool started;           // it had come as far as to take commands
};

}  // namespace replwire::server
