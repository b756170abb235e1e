#pragma once

#include "server/options.h"
#include "server/serve.h"
#include "server/survive/channels.h"

namespace replwire::server::survive {

// What an interpreter process does from its first moment to its end. The calling thread becomes the
// worker.
[[noreturn]] void run_interpreter(const Options& options, Channels& channels,
                                  const StartPython& start);

}  // namespace replwire::server::survive
