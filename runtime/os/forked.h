#pragma once

// A forked child shares memory layout and descriptors with the session, and must touch neither.
namespace replwire::runtime {

// Called once, before any fork and before any library of user code's is there: handlers of
// pthread_atfork are called in the order of their registration. `in_child` runs in every forked
// child, before fork() returns there; it must be async-signal-safe.
void watch_forks(void (*in_child)());

bool in_forked_child();
// This process, a copy of another one, counts as such a child from here on.
void become_forked_child();

}  // namespace replwire::runtime
