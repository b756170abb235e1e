#pragma once

#include <optional>

#include "runtime/link.h"
#include "runtime/object.h"

// What code asks the client and waits for: input(), and calls of the client's functions. For any
// thread that holds the GIL, in the session's process alone.
namespace replwire::runtime::questions {

// With a number of its own, from the calling thread's execution.
NeedInput make();

// Behind all that was written before it. False with a Python exception set.
bool send(Link& link, NeedInput question);

// Nothing, with a Python exception set, when a signal's handler raised: the question is withdrawn
// then.
std::optional<Answer> wait(Link& link, std::uint64_t number);

}  // namespace replwire::runtime::questions
