#include "server/system/process/process_facts.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

std::int64_t resident_bytes(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/statm";
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text = {};
  if (!file || ::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  long long total = 0;
  long long resident = 0;
  if (std::sscanf(text.data(), "%lld %lld", &total, &resident) != 2) return 0;
  return resident * ::sysconf(_SC_PAGESIZE);
}

double cpu_seconds(pid_t process) {
  timespec time = {};
  clockid_t clock = {};
  if (::clock_getcpuclockid(process, &clock) != 0) return 0;
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::int64_t proportional_bytes(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Pss:")) return std::atoll(line.c_str() + 4) * 1024;
  }
  return 0;
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
