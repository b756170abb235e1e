#pragma once

// Address space that user code does not get where the system limits it (RLIMIT_AS), so that a
// session that is full can tell the MemoryError and run the code that frees something. Costs no
// memory. Any thread may call these.
namespace replwire::runtime::memory_reserve {

// Laid by, and given to whatever `new` fails otherwise.
void install();

// Now it can be had. False when there is none.
bool open();

// Laid by again, when it can be.
void fill();

}  // namespace replwire::runtime::memory_reserve
