#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>

#include "support/fd.h"

namespace replwire_tests {

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends = {-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) ends = {-1, -1};
    read_end = Fd(ends[0]);
    write_end = Fd(ends[1]);
  }
  Fd read_end;
  Fd write_end;
};

// What is there, without waiting for more.
inline std::string read_available(const Fd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK);
  std::string text;
  std::array<char, 65536> buffer;
  for (ssize_t size = 0; (size = ::read(fd.get(), buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  ::fcntl(fd.get(), F_SETFL, flags);
  return text;
}

}  // namespace replwire_tests
