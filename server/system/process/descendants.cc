#include "server/system/process/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <unordered_set>
#include <utility>

#include "server/system/process/process.h"

namespace replwire::server {
namespace {

using Clock = std::chrono::steady_clock;

std::string folder_of(pid_t process) { return "/proc/" + std::to_string(process); }

// Not by a stream's buffer: that throws when the process has just gone (ESRCH).
std::string text_of(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t size = 0; (size = ::read(file.get(), buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

// The system goes on behind the child that it listed last. If that one is reaped meanwhile it
// counts from the front, and leaves out one that lives: so one that is not there the next time. Two
// lists that are the same are whole, and so is an empty one.
std::string list_of_children(const std::string& task) {
  constexpr int kMostTimes = 20;  // where children are reaped all the time
  const std::string path = task + "/children";
  std::string list = text_of(path);
  for (int times = 1; !list.empty() && times < kMostTimes; ++times) {
    std::string next = text_of(path);
    if (next == list) break;
    list = std::move(next);
  }
  return list;
}

void read_children(const std::string& task, std::vector<pid_t>& children) {
  std::istringstream list(list_of_children(task));
  for (pid_t child = 0; list >> child;) children.push_back(child);
}

struct Facts {
  char state;
  pid_t parent;
  pid_t session;
  int threads;
  std::uint64_t start;  // in steps of the system's clock, since it was started
};

std::optional<Facts> facts_of(pid_t process) {
  const std::string stat = text_of(folder_of(process) + "/stat");
  const std::size_t name_end = stat.rfind(')');  // the name itself may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  Facts facts = {};
  constexpr const char* kFormat =
      ") %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %lu";
  if (std::sscanf(stat.c_str() + name_end, kFormat, &facts.state, &facts.parent, &facts.session,
                  &facts.threads, &facts.start) != 5) {
    return std::nullopt;
  }
  return facts;
}

std::uint64_t step_of(Clock::time_point when) {
  timespec boot = {};
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  const auto now = std::chrono::seconds(boot.tv_sec) + std::chrono::nanoseconds(boot.tv_nsec);
  const auto steps = ::sysconf(_SC_CLK_TCK);
  return static_cast<std::uint64_t>((now - (Clock::now() - when)) /
                                    (std::chrono::nanoseconds(std::chrono::seconds(1)) / steps));
}

bool runs(pid_t process, std::string_view code) {
  return text_of(folder_of(process) + "/cmdline").find(code) != std::string::npos;
}

constexpr std::string_view kTracker = "from multiprocessing.resource_tracker import main";

constexpr std::string_view kForkServer = "from multiprocessing.forkserver import main";

// Processes that multiprocessing keeps for its own needs and for whoever comes later. The workers
// that a fork server has forked look like it, but for their parent.
bool serves_multiprocessing(pid_t process, pid_t parent) {
  return runs(process, kTracker) || (runs(process, kForkServer) && !runs(parent, kForkServer));
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> found;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return found;
  while (const dirent* entry = ::readdir(folder)) {
    if (const int pid = std::atoi(entry->d_name); pid > 0) found.push_back(pid);
  }
  ::closedir(folder);
  return found;
}

std::vector<pid_t> children_of_thread(pid_t thread) {
  std::vector<pid_t> children;
  const std::string name = std::to_string(thread);
  read_children("/proc/" + name + "/task/" + name, children);
  return children;
}

// Calls `take` with each descendant, a pidfd of it and what is known of it; one that is not taken
// still leads on, unless it is left out. `known` ones are not opened and not handed out.
void walk(pid_t root, const std::vector<pid_t>& known,
          const std::function<void(pid_t, Descriptor, const Facts&)>& take,
          const std::function<bool(pid_t)>& leave_out = {}) {
  std::deque<std::pair<pid_t, bool>> parents = {{root, false}};  // and whether it has one thread
  const std::unordered_set<pid_t> passed(known.begin(), known.end());
  while (!parents.empty()) {
    const auto [parent, one_thread] = parents.front();
    for (const pid_t child : one_thread ? children_of_thread(parent) : children_of(parent)) {
      if (leave_out && leave_out(child)) continue;
      const bool is_known = passed.contains(child);
      Descriptor descriptor = is_known ? Descriptor() : open_process(child);
      if (!descriptor && !is_known) continue;
      const auto facts = facts_of(child);
      if (!facts) continue;
      if (!is_known) take(child, std::move(descriptor), *facts);
      parents.emplace_back(child, facts->threads == 1);
    }
    parents.pop_front();
  }
}

}  // namespace

Descendants Descendants::find(pid_t root) {
  Descendants found;
  walk(root, {}, [&](pid_t pid, Descriptor process, const Facts& /*facts*/) {
    found.add(pid, std::move(process));
  });
  return found;
}

Descendants Descendants::started_since(pid_t root, Clock::time_point start,
                                       const std::vector<pid_t>& except,
                                       const std::function<bool(pid_t)>& leave_out) {
  Descendants found;
  if (root == ::getpid() && !has_children()) return found;
  const std::uint64_t first = step_of(start);
  const pid_t session = ::getsid(0);
  const auto take = [&](pid_t pid, Descriptor process, const Facts& facts) {
    if (facts.session != session || facts.start < first) return;
    if (serves_multiprocessing(pid, facts.parent)) return;
    if (facts.parent == root) found.newest_child_ = process.get();
    found.add(pid, std::move(process));
  };
  walk(root, except, take, leave_out);
  return found;
}

void Descendants::add(pid_t pid, Descriptor process) {
  pids_.push_back(pid);
  processes_.push_back(std::move(process));
}

bool writes_to(pid_t process, const std::vector<std::string>& files) {
  return std::ranges::any_of(std::array{"/fd/1", "/fd/2"}, [&](const char* name) {
    std::array<char, 64> target;
    const std::string path = folder_of(process) + name;
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    return size > 0 &&
           std::ranges::count(files,
                              std::string_view(target.data(), static_cast<std::size_t>(size))) > 0;
  });
}

pid_t parent_of(pid_t process) {
  const auto facts = facts_of(process);
  return facts ? facts->parent : 0;
}

Living living_descendants(const std::vector<pid_t>& of, bool everybody,
                          const std::vector<std::string>& files,
                          const std::function<bool(pid_t)>& leave_out) {
  Living living;
  const pid_t session = ::getsid(0);
  std::vector<pid_t> all;
  const auto add = [&all](pid_t pid) {
    if (!std::ranges::count(all, pid)) all.push_back(pid);
  };
  for (const pid_t root : of) {
    if (root != ::getpid()) add(root);
    walk(root, {},
         [&](pid_t pid, const Descriptor& /*process*/, const Facts& /*facts*/) { add(pid); });
  }
  for (const pid_t pid : files.empty() ? std::vector<pid_t>() : all_processes()) {
    if (pid != ::getpid() && writes_to(pid, files)) add(pid);
  }
  for (const pid_t pid : all) {
    const auto facts = facts_of(pid);
    const bool ended = !facts || facts->state == 'Z' || facts->state == 'X';
    if (ended || (leave_out && leave_out(pid)) || runs(pid, kTracker)) continue;
    const bool spared = !everybody && facts->session != session;
    (spared ? living.spared : living.to_end).push_back(pid);
  }
  return living;
}

Living living_descendants(bool everybody, const std::vector<std::string>& files) {
  return living_descendants({::getpid()}, everybody, files, {});
}

std::string command_of(pid_t process) {
  std::string command = text_of(folder_of(process) + "/cmdline");
  std::ranges::replace(command, '\0', ' ');
  return command;
}

bool has_children() {
  siginfo_t info = {};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// A process's children are listed by the thread that started them.
std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> children;
  const std::string tasks = folder_of(process) + "/task";
  DIR* folder = ::opendir(tasks.c_str());
  if (folder == nullptr) return children;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') read_children(tasks + "/" + entry->d_name, children);
  }
  ::closedir(folder);
  return children;
}

std::vector<pid_t> own_children() {
  return has_children() ? children_of_thread(::getpid()) : std::vector<pid_t>();
}

void Descendants::signal(int number) const {
  for (const Descriptor& process : processes_) send_signal(process, number);
}

}  // namespace replwire::server
