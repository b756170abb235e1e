#pragma once

#include "runtime/link.h"
#include "server/survive/interpreter/lent_descriptors.h"
#include "server/survive/wire/channels.h"

namespace replwire::server::survive {

// A process that sleeps on `control` until the server asks for a copy of it, any number of times.
// Returns in each copy: a process of its own under the server, with sockets of its own and the
// capture pipes of now in the channels' places, and what it has lost of `lent`. The sleeper itself
// ends when the server closes its end. Where the system has no room for a copy it goes on itself,
// and is no sleeper any more; not for another session, whose channels come with the call: that one
// is told, and has none.
runtime::Lost sleep_until_woken(Descriptor control, Channels& channels,
                                LentDescriptors* lent = nullptr);

// In a copy that is at work instead: `control` is its link from here on, what is lent it does
// without, and no signal but SIGKILL reaches it. It ends with the server.
void go_apart(Descriptor control, Channels& channels, const LentDescriptors& lent);

}  // namespace replwire::server::survive
