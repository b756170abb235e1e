#include "server/system/descriptors/event_descriptors.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "server/system/descriptors/private_range.h"

namespace replwire::server {

EventDescriptors::EventDescriptors() {
  std::error_code error;
  const int first = PrivateRange::first_number();
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    if (fd < first)
      continue;  // hundreds that only fill the range below, as long as it is being made
    const std::string kind = std::filesystem::read_symlink(entry.path(), error);
    if (kind.starts_with("anon_inode:")) states_.push_back({fd, 0, 0});
  }
}

bool EventDescriptors::intact() {
  ::poll(states_.data(), states_.size(), 0);
  return std::ranges::none_of(states_,
                              [](const pollfd& state) { return (state.revents & POLLNVAL) != 0; });
}

}  // namespace replwire::server
