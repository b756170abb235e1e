#include "runtime/os/native_threads.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace replwire::runtime::native_threads {
namespace {

struct Task {
  pid_t number;
  std::string name;
};

struct Own {
  pid_t process;  // a snapshot finds there those of the process that it was taken from
  pid_t thread;
};
struct State {
  std::vector<Task> tasks;  // as noted
  std::array<std::atomic<Own>, 4> owns;
  std::atomic<int> announced;  // that have not claimed yet
};

// Global, since the threads are the process's.
State state;

constexpr const char* kFolder = "/proc/self/task";
// Whoever has waited for a thread's end may be here before the system has removed it.
constexpr int kMostLooks = 20;

bool is_own(pid_t thread) {
  return std::ranges::any_of(state.owns, [thread](const auto& each) {
    return each.load().process == ::getpid() && each.load().thread == thread;
  });
}

// Besides the worker and our own. One call, where there are none: the folder has two links more.
bool are_others() {
  struct stat facts = {};
  const auto ours = std::ranges::count_if(
      state.owns, [](const auto& each) { return each.load().process == ::getpid(); });
  return ::stat(kFolder, &facts) == 0 && facts.st_nlink > static_cast<nlink_t>(3 + ours);
}

// The beginning of a file that the system has about a task.
std::string read_of(const std::string& task, const char* file_name) {
  const std::string path = std::string(kFolder) + "/" + task + "/" + file_name;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::array<char, 128> text = {};
  const ssize_t size = file >= 0 ? ::read(file, text.data(), text.size()) : 0;
  if (file >= 0) ::close(file);
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

std::string name_of(const std::string& task) {
  const std::string line = read_of(task, "comm");
  return line.substr(0, line.find('\n'));
}

// Its state stands behind its name in brackets.
bool sleeps(const std::string& task) {
  const std::string facts = read_of(task, "stat");
  const std::size_t name_end = facts.rfind(')');
  return name_end != std::string::npos && facts.substr(name_end, 3) == ") S";
}

int collect_gnu_openmp(dl_phdr_info* info, std::size_t /*size*/, void* names) {
  if (std::strstr(info->dlpi_name, "libgomp") != nullptr)
    static_cast<std::vector<std::string>*>(names)->emplace_back(info->dlpi_name);
  return 0;
}

// GNU's OpenMP has no handler for a fork; this ends the threads of the calling one's pool.
void end_gnu_openmp(const std::string& library) {
  constexpr int kHard = 2;
  void* const handle = ::dlopen(library.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return;
  if (void* const pause = ::dlsym(handle, "omp_pause_resource_all"))
    reinterpret_cast<int (*)(int)>(pause)(kHard);
  ::dlclose(handle);
}

// False if one of them does not sleep.
bool list_tasks() {
  state.tasks.clear();
  DIR* const folder = are_others() ? ::opendir(kFolder) : nullptr;
  if (folder == nullptr) return true;
  bool all_sleep = true;
  while (const dirent* entry = ::readdir(folder)) {
    const pid_t number = std::atoi(entry->d_name);
    if (number <= 0 || number == ::gettid() || is_own(number)) continue;
    state.tasks.push_back({number, name_of(entry->d_name)});
    all_sleep = all_sleep && sleeps(entry->d_name);
  }
  ::closedir(folder);
  return all_sleep;
}

}  // namespace

void forget_announced() { state.announced = 0; }

void announce(int more) { state.announced += more; }

void claim() {
  for (auto& each : state.owns) {
    Own present = each;
    if (present.process != ::getpid() &&
        each.compare_exchange_strong(present, {::getpid(), ::gettid()}))
      break;
  }
  --state.announced;
}

void end_pools() {
  if (!are_others()) return;
  std::vector<std::string> libraries;  // wheels bring their own, each
  ::dl_iterate_phdr(collect_gnu_openmp, &libraries);
  for (const std::string& library : libraries) end_gnu_openmp(library);
}

void note() {
  while (state.announced > 0) ::sched_yield();  // they are about to run
  for (int look = 0; !list_tasks() && look < kMostLooks; ++look) ::sched_yield();
}

std::vector<std::string> noted(const std::vector<pid_t>& except) {
  std::vector<std::string> names;
  for (const Task& task : state.tasks) {
    if (std::ranges::count(except, task.number) == 0) names.push_back(task.name);
  }
  return names;
}

}  // namespace replwire::runtime::native_threads
