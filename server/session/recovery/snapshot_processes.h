#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace replwire::server {

// The processes that a Recovery commands, snapshots by their numbers.
class SnapshotProcesses {
 public:
  virtual ~SnapshotProcesses() = default;

  // Takes one behind what the interpreter has in hand, unless that holds more than `limit` bytes.
  // `urgent`: somebody waits for it.
  virtual void take(std::uint64_t number, std::optional<std::size_t> limit, bool urgent) = 0;
  virtual void drop(std::uint64_t number) = 0;
  virtual void wake(std::uint64_t number) = 0;  // 0: Python anew
  virtual void kill_interpreter() = 0;
  virtual pid_t process_of(std::uint64_t number) const = 0;  // 0: it is gone
  virtual std::int64_t memory_of(std::uint64_t number) const = 0;
  // Whether all threads of the interpreter wait for one another, and did at the look before.
  virtual bool stands_still() = 0;
};

}  // namespace replwire::server
