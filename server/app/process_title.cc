#include "server/app/process_title.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

namespace replwire::server {
namespace {

struct Place {
  char* begin;
  std::size_t size;
};

// Where the kernel reads the command line; nowhere without /proc.
Place command_line() {
  std::ifstream file("/proc/self/stat");
  const std::string stat((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = stat.rfind(')');  // the name itself may hold anything
  if (name_end == stat.npos) return {};
  std::istringstream fields(stat.substr(name_end + 1));
  constexpr int kBegin = 48;
  std::string skipped;
  for (int field = 3; field < kBegin; ++field) fields >> skipped;
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  if (!(fields >> begin >> end) || begin == 0 || end <= begin) return {};
  return {reinterpret_cast<char*>(begin), end - begin};  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace

void set_process_title(const std::vector<std::string>& words) {
  std::string title = "replwire";
  for (std::size_t i = 1; i < words.size(); ++i) title += '\0' + words[i];
  ::prctl(PR_SET_NAME, "replwire");
  const auto [begin, size] = command_line();
  if (size == 0) return;
  const std::size_t used = std::min(title.size(), size - 1);
  std::memcpy(begin, title.data(), used);
  std::memset(begin + used, 0, size - used);
}

}  // namespace replwire::server
