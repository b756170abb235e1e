#include "server/output/shared_output.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

namespace replwire::server {

using runtime::ExecutionRef;
using runtime::Stream;

SharedOutput::SharedOutput()
    : memory_(needed(::memfd_create("replwire-output", MFD_CLOEXEC), "memfd_create")) {
  if (::ftruncate(memory_.get(), sizeof(Region)) != 0) {
    throw std::system_error(errno, std::generic_category(), "shared memory");
  }
  map();
  new (&region_->control) runtime::InterpreterControl();
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(&region_->mutex, &attributes);
  ::pthread_mutexattr_destroy(&attributes);
}

SharedOutput::SharedOutput(Descriptor memory) : memory_(std::move(memory)) { map(); }

SharedOutput::~SharedOutput() { ::munmap(region_, sizeof(Region)); }

void SharedOutput::map() {
  void* place =
      ::mmap(nullptr, sizeof(Region), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  if (place == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "shared memory");
  }
  region_ = static_cast<Region*>(place);
}

bool SharedOutput::become(const Descriptor& memory) {
  struct stat there = {};
  // What became an interpreter has forgotten its descriptor.
  if (::fstat(memory_.get(), &there) == 0 && S_ISREG(there.st_mode))
    ::dup3(memory.get(), memory_.get(), O_CLOEXEC);
  return ::mmap(region_, sizeof(Region), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                memory.get(), 0) != MAP_FAILED;
}

// What a process that died with the lock had half done is not counted in `appended`.
bool SharedOutput::Lock::is_taken(pthread_mutex_t& mutex, int result) {
  if (result == EOWNERDEAD) ::pthread_mutex_consistent(&mutex);
  return result == 0 || result == EOWNERDEAD;
}

SharedOutput::Lock::Lock(SharedOutput& shared)
    : mutex_(shared.region_->mutex), owns_(is_taken(mutex_, ::pthread_mutex_lock(&mutex_))) {}

SharedOutput::Lock::Lock(SharedOutput& shared, std::try_to_lock_t /*unused*/)
    : mutex_(shared.region_->mutex), owns_(is_taken(mutex_, ::pthread_mutex_trylock(&mutex_))) {}

SharedOutput::Lock::~Lock() {
  if (owns_) ::pthread_mutex_unlock(&mutex_);
}

void SharedOutput::copy_in(std::uint64_t& at, const void* from, std::size_t size) {
  if (size == 0) return;  // `from` may be null
  const std::size_t start = at % kCapacity;
  const std::size_t first = std::min(size, kCapacity - start);
  std::memcpy(region_->bytes + start, from, first);
  std::memcpy(region_->bytes, static_cast<const char*>(from) + first, size - first);
  at += size;
}

void SharedOutput::copy_out(std::uint64_t& at, void* to, std::size_t size) const {
  if (size == 0) return;
  const std::size_t start = at % kCapacity;
  const std::size_t first = std::min(size, kCapacity - start);
  std::memcpy(to, region_->bytes + start, first);
  std::memcpy(static_cast<char*>(to) + first, region_->bytes, size - first);
  at += size;
}

bool SharedOutput::append(const ExecutionRef& execution, bool named, Stream stream,
                          std::string_view bytes) {
  const std::string_view id = execution && named ? execution->id : std::string_view();
  return put(
      {execution ? execution->serial : 0, execution ? execution->count.value_or(-1) : -1,
       static_cast<std::uint32_t>(bytes.size()), static_cast<std::uint32_t>(id.size()), stream},
      id, bytes);
}

bool SharedOutput::append_captured(Stream stream, std::string_view bytes) {
  return put({kCaptured, -1, static_cast<std::uint32_t>(bytes.size()), 0, stream}, {}, bytes);
}

bool SharedOutput::put(const Record& record, std::string_view id, std::string_view bytes) {
  if (used() + sizeof record + id.size() + bytes.size() > kCapacity) return false;
  std::uint64_t at = region_->appended;
  copy_in(at, &record, sizeof record);
  copy_in(at, id.data(), id.size());
  copy_in(at, bytes.data(), bytes.size());
  region_->appended = at;
  return true;
}

std::uint64_t SharedOutput::stamp_event() {
  ++region_->events_sent;
  return region_->appended;
}

bool SharedOutput::take_call() {
  if (!region_->called.exchange(true)) return true;
  return is_filling() && !region_->called_again.exchange(true);
}

bool SharedOutput::wait_for_room() {
  const std::uint32_t seen = region_->room.value();
  return has_room() || region_->room.wait(seen);
}

void SharedOutput::make_room_known() {
  if (!region_->behind) region_->room.change_and_wake();
}

void SharedOutput::set_behind(bool behind) {
  if (region_->behind.exchange(behind) != behind) make_room_known();
}

}  // namespace replwire::server
