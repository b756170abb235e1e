#include "runtime/os/memory_reserve.h"

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace replwire::runtime::memory_reserve {
namespace {

constexpr std::size_t kSize = 4UL * 1024 * 1024;  // of which Python takes a MiB at a time

struct Reserve {
  std::atomic<void*> mapped;
  std::atomic<void*> allocated;
};

// Global, since memory is the process's, and code anywhere may be what runs out of it.
Reserve reserve;

void give_back(void* mapping) { ::munmap(mapping, kSize); }

// When another thread was first, its own stays.
bool keep(std::atomic<void*>& place, void* memory, void (*drop)(void*)) {
  void* none = nullptr;
  if (memory != nullptr && !place.compare_exchange_strong(none, memory)) drop(memory);
  return memory != nullptr;
}

void* map() {
  void* mapping = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return mapping == MAP_FAILED ? nullptr : mapping;
}

}  // namespace

void install() {
  fill();
  std::set_new_handler([] {
    if (!open()) throw std::bad_alloc();
  });
}

bool open() {
  void* mapping = reserve.mapped.exchange(nullptr);
  void* memory = reserve.allocated.exchange(nullptr);
  if (mapping != nullptr) give_back(mapping);
  std::free(memory);
  return mapping != nullptr || memory != nullptr;
}

void fill() {
  if (reserve.mapped != nullptr || reserve.allocated != nullptr) return;
  // What was freed may be the allocator's still, and not the system's again.
  if (!keep(reserve.mapped, map(), give_back))
    keep(reserve.allocated, std::malloc(kSize), std::free);
}

}  // namespace replwire::runtime::memory_reserve
