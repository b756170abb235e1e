#pragma once

#include <cstddef>

// How much more user code may allocate: past it C's allocators fail and Python raises MemoryError,
// before the system's OOM killer comes. It is the soft RLIMIT_DATA of the process, lowered while
// user code of an execution is in hand and lifted while a thread or a process is started, since
// stacks and children are not meant by it.
namespace replwire::runtime::memory_limit {

// Before there is another thread. `bytes` as for `install`.
void prepare(std::size_t bytes);

// Resident bytes of the process that an execution may reach; 0: no limit. Once, with Python
// started. False with a Python exception set.
bool install(std::size_t bytes);

// In force while one lives.
class Scope {
 public:
  Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope();
};

// Not in force while one lives; what was allocated meanwhile is not counted.
class Lifted {
 public:
  Lifted();
  Lifted(const Lifted&) = delete;
  Lifted& operator=(const Lifted&) = delete;
  ~Lifted();
};

// In a forked child: no limit. Async-signal-safe.
void forget_in_child();

}  // namespace replwire::runtime::memory_limit
