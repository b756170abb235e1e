#pragma once

#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

// The process's own standard streams, moved out of the way before anything of Python runs: user
// code, C libraries and children find the null device at 0 and nothing of the protocol anywhere.
struct StandardStreams {
  Descriptor input;
  Descriptor output;
  Descriptor error;

  // 0 becomes the null device; 1 and 2 are the capture's. Exits with status 1 when that fails (no
  // descriptors left).
  static StandardStreams take();
};

}  // namespace replwire::server
