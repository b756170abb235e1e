#pragma once

#include "runtime/link.h"

// PyOS_InputHook, which GUI toolkits set so that their windows live while the interpreter waits for
// a line. Its contract is to come back when descriptor 0 is readable, which the null device always
// is: so it is called again and again, with pauses.
namespace replwire::runtime::input_hook {

// At rest, before each wait for a command while there is a hook. Shortens `watch`.
void serve(Watch& watch);

}  // namespace replwire::runtime::input_hook
