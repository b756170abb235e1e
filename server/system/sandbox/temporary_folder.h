#pragma once

#include <sys/types.h>

#include <string>

#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

// A folder of one session's own, which goes with it however it ends: a process that waits for that
// removes it, since the sandboxed one has no right to. It is no child of anybody's here.
struct TemporaryFolder {
  // Empty, with errno set, where there is no room for one.
  static TemporaryFolder make();

  std::string path;
  Descriptor keeper;  // a socket: the folder stays while somebody has it open
  pid_t helper = -1;  // a child that ends at once: to be waited for before anybody sees it
};

// Returns when the folder is gone. `keeper` is the socket's number, or -1.
void remove_temporary_folder(int keeper);

}  // namespace replwire::server
