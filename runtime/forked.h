#pragma once

// A forked child shares memory layout and descriptors with the session, and must touch neither.
namespace replwire::runtime {

// Called once, before any fork. `in_child` runs in every forked child, before fork() returns
// there; it must be async-signal-safe.
void watch_forks(void (*in_child)());

bool in_forked_child();

// While one lives, a fork makes another process of the session's own.
class Detaching {
 public:
  Detaching();
  Detaching(const Detaching&) = delete;
  Detaching& operator=(const Detaching&) = delete;
  ~Detaching();
};

}  // namespace replwire::runtime
