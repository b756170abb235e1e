#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "runtime/interpreter_control.h"
#include "runtime/link.h"
#include "server/system/descriptors/descriptor.h"
#include "server/system/futex.h"

namespace replwire::server {

// What Python has written, in memory that the interpreter's processes share with the server's: it
// costs no system call, and outlives whoever wrote it. A ring with many writers and one reader. The
// writers have a lock, which a dead process gives back; it also covers reading the capture pipes,
// so that the order of the two ways holds. The server takes from the ring without the lock, since
// its owner may be stopped, and only tries for it to read the pipes itself. Besides the ring, the
// memory holds what the server looks at while the interpreter runs.
class SharedOutput {
 public:
  // Made by one process, before it forks the others; or found under the descriptor.
  SharedOutput();
  explicit SharedOutput(Descriptor memory);
  SharedOutput(const SharedOutput&) = delete;
  SharedOutput& operator=(const SharedOutput&) = delete;
  ~SharedOutput();

  // This memory takes the place of that which there is, under the same number and at the same
  // address: whoever has a pointer into it has one into this. False when the system has no room.
  bool become(const Descriptor& memory);

  int descriptor() const { return memory_.get(); }
  runtime::InterpreterControl& control() { return region_->control; }

  class Lock {
   public:
    explicit Lock(SharedOutput& shared);
    Lock(SharedOutput& shared, std::try_to_lock_t);
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock();

    bool owns() const { return owns_; }

   private:
    static bool is_taken(pthread_mutex_t& mutex, int result);

    pthread_mutex_t& mutex_;
    const bool owns_;
  };

  // ---- the interpreter's side, with the lock ----
  // False when there is no room for it. `named`: the server may not know the execution any more.
  bool append(const runtime::ExecutionRef& execution, bool named, runtime::Stream stream,
              std::string_view bytes);
  // What came by the capture pipes.
  bool append_captured(runtime::Stream stream, std::string_view bytes);
  // An event is sent that comes behind all that stands there now: what tells the server so.
  std::uint64_t stamp_event();
  // Whether the server has to be told that there is something: the first, or much.
  bool take_call();
  bool has_space() const { return used() <= kHigh; }
  bool is_filling() const { return used() > kFilling; }
  // Whether the server can read no more pipes beside those that there are.
  bool apart_full() const { return region_->apart_full; }

  // Without the lock. Whether whoever writes should wait; the wait for another state than that.
  // False when a signal came.
  bool has_room() const { return !region_->behind && used() <= kHigh; }
  bool wait_for_room();

  // ---- the server's side, one thread at a time ----
  // Calls `take(execution serial, its id and count if they stand there, stream, bytes)` with what
  // was written before `end`.
  template <class Take>
  void take_until(std::uint64_t end, Take take);
  // All that there is; false, and nothing is taken, while an event is on its way that comes first.
  template <class Take>
  bool take_all(Take take) {
    const std::uint64_t end = region_->appended;  // first: an event sent later comes behind it
    if (region_->events_sent != events_seen_) return false;
    take_until(end, take);
    return true;
  }
  // Its writer is dead: nothing else comes.
  template <class Take>
  void take_rest(Take take) {
    events_seen_ = region_->events_sent;
    take_until(region_->appended, take);
  }
  void see_event() { ++events_seen_; }

  // Without the lock.
  bool empty() const { return used() == 0; }
  // Whether the client is behind; wakes those that wait for room when it is not.
  void set_behind(bool behind);
  void set_apart_full(bool full) { region_->apart_full = full; }

  static constexpr std::uint64_t kCaptured = ~std::uint64_t{0};
  struct Record {
    std::uint64_t serial;   // 0: none can be named; kCaptured: that which runs
    std::int64_t count;     // -1: none
    std::uint32_t size;     // of the bytes
    std::uint32_t id_size;  // before them; 0: not named
    runtime::Stream stream;
  };

 private:
  static constexpr std::size_t kCapacity = std::size_t{1} << 20U;
  static constexpr std::size_t kHigh = 256 * 1024;
  static constexpr std::size_t kFilling = 56 * 1024;

  struct Region {
    pthread_mutex_t mutex;
    runtime::InterpreterControl control;
    std::atomic<std::uint64_t> appended;  // bytes, ever
    std::atomic<std::uint64_t> taken;
    std::atomic<std::uint64_t> events_sent;
    std::atomic<bool> called;
    std::atomic<bool> called_again;
    std::atomic<bool> behind;
    std::atomic<bool> apart_full;
    Futex room;  // changes when some was made
    char bytes[kCapacity];
  };

  void map();
  std::size_t used() const { return region_->appended - region_->taken; }
  bool put(const Record& record, std::string_view id, std::string_view bytes);
  void copy_in(std::uint64_t& at, const void* from, std::size_t size);
  void copy_out(std::uint64_t& at, void* to, std::size_t size) const;
  void make_room_known();

  Descriptor memory_;
  Region* region_ = nullptr;
  std::uint64_t events_seen_ = 0;  // the server's
  std::string id_;
  std::string bytes_;
};

template <class Take>
void SharedOutput::take_until(std::uint64_t end, Take take) {
  // First: what is appended from here on may need a call of its own.
  region_->called = region_->called_again = false;
  std::uint64_t at = region_->taken;
  while (at < end) {
    Record record = {};
    const std::uint64_t left = end - at;
    if (left >= sizeof record) copy_out(at, &record, sizeof record);
    // User code can write here too: what cannot be ends it.
    if (left < sizeof record || left > kCapacity ||
        std::uint64_t{record.id_size} + record.size > left - sizeof record) {
      at = end;
      break;
    }
    id_.resize(record.id_size);
    bytes_.resize(record.size);
    copy_out(at, id_.data(), id_.size());
    copy_out(at, bytes_.data(), bytes_.size());
    take(record, id_, bytes_);
  }
  region_->taken = at;
  make_room_known();
}

}  // namespace replwire::server
