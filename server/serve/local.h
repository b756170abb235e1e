#pragma once

#include <functional>
#include <string>

#include "server/system/descriptors/standard_streams.h"
#include "server/system/options.h"

namespace replwire::server {

// Makes the calling thread Python's main thread, with the GIL held, if it is not that already.
// Returns what went wrong, or nothing.
using StartPython = std::function<std::string()>;
using TakeStreams = std::function<StandardStreams()>;

// Builds the server and runs the session; `why` says for the log how its Python was chosen. Returns
// the exit status with which Python and the process are to end: what follows is the client's to see
// as well, and the last frame comes behind it.
int serve(const Options& options, const TakeStreams& take, const StartPython& start,
          const std::string& why);

}  // namespace replwire::server
