#include "runtime/os/memory_limit.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <new>

#include "runtime/guard.h"
#include "runtime/object.h"
#include "runtime/os/forked.h"
#include "runtime/os/memory_reserve.h"

namespace replwire::runtime::memory_limit {
namespace {

// What is always left, so that code can free something when all is used.
constexpr std::size_t kLeast = 16UL * 1024 * 1024;

struct State {
  std::size_t most;  // resident bytes; 0: no limit
  rlimit original;
  std::atomic<bool> active;  // a Scope lives
};

// Global, since the limit is the process's.
State state;

struct Usage {
  std::size_t resident;
  std::size_t data;  // what RLIMIT_DATA is about, and the stack
};

Usage usage() {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/statm", "re"),
                                                   std::fclose);
  Usage pages = {};
  if (!file ||
      std::fscanf(file.get(), "%*u %zu %*u %*u %*u %zu", &pages.resident, &pages.data) != 2)
    return {};
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return {pages.resident * size, pages.data * size};
}

void lift() { ::setrlimit(RLIMIT_DATA, &state.original); }

// Counted from what there is now: memory that is reserved and not touched is nobody's fault.
void lower() {
  const Usage now = usage();
  const std::size_t room =
      now.resident < state.most ? std::max(state.most - now.resident, kLeast) : kLeast;
  const rlimit lowered = {std::min<rlim_t>(now.data + room, state.original.rlim_cur),
                          state.original.rlim_max};
  ::setrlimit(RLIMIT_DATA, &lowered);
}

// For `new`, which is the server's own far more often than user code's: it may not fail.
void find_more() {
  rlimit current = {};
  ::getrlimit(RLIMIT_DATA, &current);
  if (current.rlim_cur != state.original.rlim_cur) return lift();
  if (!memory_reserve::open()) throw std::bad_alloc();
}

// Stands for a function that starts a process; `self` is that function.
PyObject* start_process(PyObject* self, PyObject* args, PyObject* kwargs) {
  const Lifted lifted;
  return PyObject_Call(self, args, kwargs);
}

PyMethodDef start_process_method = {"start_process", guarded_with_keywords<start_process>,
                                    METH_VARARGS | METH_KEYWORDS,
                                    "Starts a process that the memory limit does not bind."};

bool patch(const char* module_name, const char* name) {
  const Ref module(PyImport_ImportModule(module_name));
  const Ref original_function(module ? PyObject_GetAttrString(module.get(), name) : nullptr);
  const Ref wrapper(original_function
                        ? PyCFunction_NewEx(&start_process_method, original_function.get(), nullptr)
                        : nullptr);
  return wrapper && PyObject_SetAttrString(module.get(), name, wrapper.get()) == 0;
}

}  // namespace

// When one of malloc's arenas is full it takes another, and what that one gives back to the system
// still counts as data: each time that memory ran out, so much more could be had.
void prepare(std::size_t bytes) {
  if (bytes != 0) ::mallopt(M_ARENA_MAX, 1);
}

// A child that is forked has no limit by `forget_in_child`; these make theirs without a fork.
bool install(std::size_t bytes) {
  if (bytes == 0) return true;
  ::getrlimit(RLIMIT_DATA, &state.original);
  state.most = bytes;
  std::set_new_handler(find_more);
  return patch("os", "system") && patch("os", "posix_spawn") && patch("os", "posix_spawnp") &&
         patch("_posixsubprocess", "fork_exec");
}

Scope::Scope() {
  if (state.most == 0) return;
  state.active = true;
  lower();
}

Scope::~Scope() {
  if (!state.active.exchange(false)) return;
  lift();
}

Lifted::Lifted() {
  if (state.active) lift();
}

Lifted::~Lifted() {
  if (state.active && !in_forked_child()) lower();
}

void forget_in_child() {
  if (!state.active) return;
  state.active = false;
  lift();
}

}  // namespace replwire::runtime::memory_limit
