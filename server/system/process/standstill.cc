#include "server/system/process/standstill.h"

#include <dirent.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace replwire::server {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Whether the address lies in memory that no other process has: "<begin>-<end> rwxp ...".
bool is_private(pid_t process, unsigned long long address) {
  std::ifstream maps("/proc/" + std::to_string(process) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    char* rest = nullptr;
    const auto begin = std::strtoull(line.c_str(), &rest, 16);
    const auto end = std::strtoull(rest + 1, &rest, 16);
    if (begin <= address && address < end) return std::string_view(rest).substr(4, 1) == "p";
  }
  return false;
}

// A line of /proc: the call's number and its arguments. Another process may wake a futex that is
// not private, but for one in private memory: by such a one a thread waits for another's end.
bool waits_without_limit(const std::string& call, pid_t process) {
  std::istringstream words(call);
  std::vector<unsigned long long> values;
  for (std::string word; words >> word;) {
    values.push_back(std::strtoull(word.c_str(), nullptr, 0));
  }
  if (values.size() < 5 || values[0] != SYS_futex || values[4] != 0) return false;
  const auto operation = values[2] & static_cast<unsigned>(FUTEX_CMD_MASK);
  return (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET) &&
         ((values[2] & FUTEX_PRIVATE_FLAG) != 0 || is_private(process, values[1]));
}

std::string switches_of(const std::string& thread) {
  std::ifstream file(thread + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("voluntary_ctxt_switches:")) return line;
  }
  return {};
}

std::vector<std::string> threads_of(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/task";
  std::vector<std::string> threads;
  DIR* const folder = ::opendir(path.c_str());
  if (folder == nullptr) return threads;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') threads.push_back(path + "/" + entry->d_name);
  }
  ::closedir(folder);
  return threads;
}

}  // namespace

bool Standstill::persists(pid_t process, const std::string& ours) {
  const std::string before = std::exchange(last_, {});
  std::string now;
  for (const std::string& thread : threads_of(process)) {
    std::string name = text_of(thread + "/comm");
    if (!name.empty()) name.back() = ' ';
    if (ours.find(name) != std::string::npos) continue;
    const std::string call = text_of(thread + "/syscall");
    if (!waits_without_limit(call, process)) return false;
    now += thread + " " + call + switches_of(thread);
  }
  last_ = now;
  return !now.empty() && now == before;
}

}  // namespace replwire::server
