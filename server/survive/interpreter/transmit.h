#pragma once

#include <initializer_list>

#include "server/survive/wire/channels.h"
#include "server/survive/wire/messages.h"

namespace replwire::server::survive {

inline constexpr int kNoLink = 70;  // exit status: the server is gone, or user code closed the link

// With the output's lock: what C code and children have written stands before what comes now.
void look_into_pipes(Channels& channels);

// Sends the server a message that comes behind all that has been written so far. One at a time.
void transmit(Channels& channels, const Message& message,
              std::initializer_list<int> descriptors = {});

// What comes by the capture pipes from here on is the owner's, by the server's own reading; these
// take their place. `looks`: what is in them now is that of the execution that runs.
void transmit_apart(Channels& channels, const runtime::ExecutionRef& owner, bool looks,
                    const CapturePipes& successors);

}  // namespace replwire::server::survive
