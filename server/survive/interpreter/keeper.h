#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "server/survive/wire/channels.h"
#include "server/system/descriptors/descriptor.h"

namespace replwire::server::survive {

// A process that has the descriptors of an interpreter: not copies of them but the same table, so
// that it holds a descriptor exactly as long as the interpreter does. It outlives that one by the
// time that it takes to restore a snapshot, which asks for what it had lent; then it ends. It also
// shares the interpreter's memory, of which it touches nothing but a page of its own.
struct Keeper {
  pid_t pid = -1;     // -1: none could be made
  Descriptor socket;  // for whoever asks; it ends when the last of these is closed
};

// Of the calling process, by its first thread; a child of its parent.
Keeper start_keeper(const Channels& channels, int& its_own);

// Those of these numbers that the dead interpreter had open, in the order of their numbers.
struct Kept {
  int number;
  Descriptor descriptor;
};
// Nothing where there is none, or it does not answer.
std::optional<std::vector<Kept>> ask_keeper(const Descriptor& socket,
                                            const std::vector<int>& numbers);

}  // namespace replwire::server::survive
