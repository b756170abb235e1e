#pragma once

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <initializer_list>
#include <string>

#include "support/spawn.h"

namespace replwire_tests {

// A control group of its own, in which the system kills when that much memory is used; where this
// process may make one.
class MemoryGroup {
 public:
  explicit MemoryGroup(std::size_t bytes) {
    const std::string name = "/replwire-tests-" + std::to_string(::getpid());
    for (const auto& [controller, base, limit] : {
             Kind{":memory:", "/sys/fs/cgroup/memory", "/memory.limit_in_bytes"},
             Kind{"0::", "/sys/fs/cgroup", "/memory.max"},
         }) {
      const std::string folder = base + own_group(controller) + name;
      if (::mkdir(folder.c_str(), 0700) != 0) continue;
      folder_ = folder;
      if (write(limit, bytes)) return;
      ::rmdir(folder.c_str());
      folder_.clear();
    }
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  ~MemoryGroup() {
    const Clock::time_point end = Clock::now() + kPatience;  // for its last processes to end
    while (made() && ::rmdir(folder_.c_str()) != 0 && Clock::now() < end) ::sched_yield();
  }

  bool made() const { return !folder_.empty(); }
  bool add(pid_t process) const { return write("/cgroup.procs", process); }

 private:
  struct Kind {
    std::string controller;  // as /proc/self/cgroup names it
    std::string base;
    std::string limit;
  };

  static std::string own_group(const std::string& controller) {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
      const std::size_t found = line.find(controller);
      if (found != line.npos) return line.substr(found + controller.size());
    }
    return "/none";
  }

  template <class Value>
  bool write(const std::string& file, Value value) const {
    std::ofstream out(folder_ + file, std::ios::in);  // which makes no file
    out << value << std::flush;
    return out.good();
  }

  std::string folder_;
};

}  // namespace replwire_tests
