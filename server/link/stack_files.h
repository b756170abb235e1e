#pragma once

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

// Where the worker's Python stack is written.
struct StackFiles {
  Descriptor asked{::memfd_create("replwire-stack", MFD_CLOEXEC)};  // on request…
  Descriptor told{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};        // …and that it stands there
  Descriptor crash{::memfd_create("replwire", MFD_CLOEXEC)};        // by a deadly signal
};

}  // namespace replwire::server
