#include "server/output/write_pace.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

std::uint64_t WritePace::measure() {
  constexpr int kTries = 16;
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return 0;
  const Descriptor read_end(ends[0]);
  const Descriptor write_end(ends[1]);
  std::uint64_t quickest = ~std::uint64_t{0};
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t start = ticks();
    if (::write(write_end.get(), "", 1) != 1) return 0;
    quickest = std::min(quickest, ticks() - start);
  }
  return quickest / 2;
}

}  // namespace replwire::server
