#pragma once

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

// Where the worker's Python stack is written.
struct StackFiles {
  // On request…
  Descriptor asked = needed(::memfd_create("replwire-stack", MFD_CLOEXEC), "memfd_create");
  // …and that it stands there.
  Descriptor told = needed(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
  // By a deadly signal.
  Descriptor crash = needed(::memfd_create("replwire", MFD_CLOEXEC), "memfd_create");
};

}  // namespace replwire::server
