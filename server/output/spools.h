#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/link.h"
#include "server/system/descriptor.h"

namespace replwire::server {

// Output that an output_limit kept from the client, in unlinked temporary files, for `output_get`:
// the newest 64 MiB of it. Guarded by its owner.
class Spools {
 public:
  static constexpr std::int64_t kMostRead = 16 * 1024 * 1024;  // bytes at once

  void append(std::int64_t count, runtime::Stream stream, std::string_view bytes);

  struct Part {
    std::string bytes;
    std::int64_t total;  // what the stream had, kept or not
  };
  // Nothing when nothing is kept of that stream.
  std::optional<Part> read(std::int64_t count, runtime::Stream stream, std::int64_t offset,
                           std::int64_t size);

 private:
  struct Spool {
    std::int64_t count;
    runtime::Stream stream;
    Descriptor file;
    std::int64_t kept = 0;
    std::int64_t total = 0;
  };

  Spool* find(std::int64_t count, runtime::Stream stream);

  std::deque<Spool> spools_;  // oldest first
  std::int64_t kept_ = 0;
};

}  // namespace replwire::server
