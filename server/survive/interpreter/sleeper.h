#pragma once

#include "server/survive/wire/channels.h"

namespace replwire::server::survive {

// A process that sleeps on `control` until the server asks for a copy of it, any number of times.
// Returns in each copy: a process of its own under the server, with sockets of its own in the
// channels' places. The sleeper itself ends when the server closes its end.
void sleep_until_woken(Descriptor control, Channels& channels);

}  // namespace replwire::server::survive
