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

std::string name_of(const std::string& task) {
  const int file =
      ::open((std::string(kFolder) + "/" + task + "/comm").c_str(), O_RDONLY | O_CLOEXEC);
  std::array<char, 64> text = {};
  const ssize_t size = file >= 0 ? ::read(file, text.data(), text.size()) : 0;
  if (file >= 0) ::close(file);
  return size > 1 ? std::string(text.data(), static_cast<std::size_t>(size) - 1) : "";
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
  state.tasks.clear();
  while (state.announced > 0) ::sched_yield();  // they are about to run
  if (!are_others()) return;
  DIR* const folder = ::opendir(kFolder);
  if (folder == nullptr) return;
  while (const dirent* entry = ::readdir(folder)) {
    const pid_t number = std::atoi(entry->d_name);
    if (number > 0 && number != ::gettid() && !is_own(number))
      state.tasks.push_back({number, name_of(entry->d_name)});
  }
  ::closedir(folder);
}

std::vector<std::string> noted(const std::vector<pid_t>& except) {
  std::vector<std::string> names;
  for (const Task& task : state.tasks) {
    if (std::ranges::count(except, task.number) == 0) names.push_back(task.name);
  }
  return names;
}

}  // namespace replwire::runtime::native_threads
