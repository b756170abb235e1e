#include "server/system/descriptors/event_descriptors.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "server/system/descriptors/private_range.h"

namespace replwire::server {

// By number: the folder would list the hundreds as well that fill the range below, as long as it is
// being made.
EventDescriptors::EventDescriptors() {
  const int first = PrivateRange::first_number();
  for (int fd = first; fd < first + PrivateRange::kRoom; ++fd) {
    std::array<char, 64> kind;
    const ssize_t size =
        ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), kind.data(), kind.size());
    if (size > 0 && std::string_view(kind.data(), size).starts_with("anon_inode:")) {
      states_.push_back({fd, 0, 0});
    }
  }
}

bool EventDescriptors::intact() {
  ::poll(states_.data(), states_.size(), 0);
  return std::ranges::none_of(states_,
                              [](const pollfd& state) { return (state.revents & POLLNVAL) != 0; });
}

}  // namespace replwire::server
