#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/link.h"
#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

// Output that an output_limit kept from the client, for `output_get`: the newest of it, in one
// unlinked temporary file that is written round and round. What is older makes way, an execution at
// a time; of the newest one what fits is kept. Guarded by its owner.
class Spools {
 public:
  static constexpr std::int64_t kMostRead = 16 * 1024 * 1024;  // bytes at once

  explicit Spools(std::int64_t most_kept = 64 * 1024 * 1024) : most_kept_(most_kept) {}

  void append(std::int64_t count, runtime::Stream stream, std::string_view bytes);

  struct Part {
    std::string bytes;
    std::int64_t total;  // what the stream had, kept or not
  };
  // Nothing when nothing is kept of that stream.
  std::optional<Part> read(std::int64_t count, runtime::Stream stream, std::int64_t offset,
                           std::int64_t size);

 private:
  // Of the stream of all that was kept, ever; byte N stands at N modulo `most_kept_`.
  struct Extent {
    std::int64_t begin;
    std::int64_t size;
  };
  struct Spool {
    std::int64_t count;
    runtime::Stream stream;
    std::vector<Extent> extents;
    std::int64_t kept = 0;
    std::int64_t total = 0;
  };

  Spool* find(std::int64_t count, runtime::Stream stream);
  void make_way(std::int64_t count, std::int64_t size);
  std::int64_t keep(Spool& spool, std::string_view bytes);
  std::int64_t begin() const;

  const std::int64_t most_kept_;
  Descriptor file_;
  std::deque<Spool> spools_;  // oldest first
  std::int64_t end_ = 0;      // bytes kept, ever
};

}  // namespace replwire::server
