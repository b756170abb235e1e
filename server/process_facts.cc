#include "server/process_facts.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

#include "server/descriptor.h"

namespace replwire::server {

std::int64_t resident_bytes() {
  const Descriptor file(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text = {};
  if (!file || ::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  long long total = 0;
  long long resident = 0;
  if (std::sscanf(text.data(), "%lld %lld", &total, &resident) != 2) return 0;
  return resident * ::sysconf(_SC_PAGESIZE);
}

double cpu_seconds() {
  timespec time = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string random_id() {
  std::array<unsigned char, 16> bytes = {};
  [[maybe_unused]] const auto size = ::getrandom(bytes.data(), bytes.size(), 0);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string id;
  for (const unsigned char byte : bytes) {
    id.push_back(kHex[byte >> 4U]);
    id.push_back(kHex[byte & 0xFU]);
  }
  return id;
}

}  // namespace replwire::server
