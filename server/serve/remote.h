#pragma once

#include <functional>
#include <string>

#include "server/serve/local.h"
#include "server/survive/wire/channels.h"
#include "server/system/options.h"
#include "server/system/sandbox/sandbox.h"

namespace replwire::server::survive {

// Makes this process the interpreter, by whatever way; `error` is the real standard error. Does not
// return.
using BecomeInterpreter = std::function<void(Channels& channels, Descriptor error)>;

// As server::serve, with the interpreter in a process of its own, further inside the sandbox. This
// one never runs Python.
[[noreturn]] void serve(const Options& options, const TakeStreams& take,
                        const BecomeInterpreter& become, const std::string& why,
                        const Sandbox& sandbox);

}  // namespace replwire::server::survive
