#include "server/descendants.h"

#include <dirent.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <fstream>
#include <string>

namespace replwire::server {
namespace {

// A process's children are listed by the thread that started them.
std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> children;
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  DIR* folder = ::opendir(tasks.c_str());
  if (folder == nullptr) return children;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    std::ifstream list(tasks + "/" + entry->d_name + "/children");
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  ::closedir(folder);
  return children;
}

}  // namespace

Descendants Descendants::find() {
  Descendants found;
  std::deque<pid_t> parents = {::getpid()};
  while (!parents.empty()) {
    for (const pid_t child : children_of(parents.front())) {
      const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
      if (fd < 0) continue;
      found.processes_.emplace_back(fd);
      parents.push_back(child);
    }
    parents.pop_front();
  }
  return found;
}

void Descendants::signal(int number) const {
  for (const Descriptor& process : processes_) {
    ::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0);
  }
}

void Descendants::wait(std::chrono::milliseconds time) const {
  const auto end = std::chrono::steady_clock::now() + time;
  for (const Descriptor& process : processes_) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd state = {process.get(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&state, 1, static_cast<int>(left.count())) == 0) return;
  }
}

}  // namespace replwire::server
