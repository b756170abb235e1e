#pragma once

#include <vector>

#include "server/serve/local.h"
#include "server/survive/wire/channels.h"
#include "server/system/options.h"

namespace replwire::server::survive {

// What an interpreter process does from its first moment until Python is to end. The calling thread
// becomes the worker. Returns the exit status.
int run_interpreter(const Options& options, Channels& channels, const StartPython& start);

// The same in a program that an interpreter process became; `channels` as
// Channels::leave_open() says.
int run_handed_interpreter(const Options& options, const std::vector<int>& channels,
                           const StartPython& start);

}  // namespace replwire::server::survive
