#pragma once

#include "runtime/object.h"

namespace replwire::runtime {

// Descriptor 0 is the null device: the client's input has one reader, which is not Python. open(0)
// asks the client all the same, as sys.stdin does, for as long as user code has put nothing else
// there. `streams` is the namespace of that bundled module. False with a Python exception set.
bool patch_open(const Ref& streams);

}  // namespace replwire::runtime
