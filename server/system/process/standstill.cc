#include "server/system/process/standstill.h"

#include <dirent.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

namespace replwire::server {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A line of /proc: the call's number and its arguments. Another process may wake a futex that is
// not private, but not the one by which a thread waits for the end of another: its value is that
// one's number.
bool waits_without_limit(const std::string& call, const std::vector<std::string>& threads) {
  std::istringstream words(call);
  std::vector<unsigned long long> values;
  for (std::string word; words >> word;) {
    values.push_back(std::strtoull(word.c_str(), nullptr, 0));
  }
  if (values.size() < 5 || values[0] != SYS_futex || values[4] != 0) return false;
  const auto operation = values[2] & static_cast<unsigned>(FUTEX_CMD_MASK);
  std::string awaited = "/";
  awaited += std::to_string(values[3]);
  const bool joins = std::ranges::any_of(
      threads, [&awaited](const std::string& thread) { return thread.ends_with(awaited); });
  return ((values[2] & FUTEX_PRIVATE_FLAG) != 0 || joins) &&
         (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET);
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
  const std::vector<std::string> threads = threads_of(process);
  for (const std::string& thread : threads) {
    std::string name = text_of(thread + "/comm");
    if (!name.empty()) name.back() = ' ';
    if (ours.find(name) != std::string::npos) continue;
    const std::string call = text_of(thread + "/syscall");
    if (!waits_without_limit(call, threads)) return false;
    now += thread + " " + call + switches_of(thread);
  }
  last_ = now;
  return !now.empty() && now == before;
}

}  // namespace replwire::server
