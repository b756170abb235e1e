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
#include <optional>
#include <utility>

namespace replwire::runtime::native_threads {
namespace {

struct Own {
  pid_t process;  // a snapshot finds there those of the process that it was taken from
  pid_t thread;
};
struct State {
  std::vector<pid_t> of_python;    // that Python knows, sorted
  std::vector<std::string> names;  // of the others, as noted
  std::array<std::atomic<Own>, 4> owns;
  std::atomic<int> announced;  // that have not claimed yet
};

// Global, since the threads are the process's.
State state;

constexpr const char* kFolder = "/proc/self/task";
constexpr int kMostLooks = 50;

bool is_own(pid_t thread) {
  return std::ranges::any_of(state.owns, [thread](const auto& each) {
    return each.load().process == ::getpid() && each.load().thread == thread;
  });
}

bool is_of_python(pid_t thread) { return std::ranges::binary_search(state.of_python, thread); }

// Its line of facts in /proc; empty: it is gone.
std::string facts_of(const std::string& task) {
  const int file =
      ::open((std::string(kFolder) + "/" + task + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  std::array<char, 128> text = {};
  const ssize_t size = file >= 0 ? ::read(file, text.data(), text.size()) : 0;
  if (file >= 0) ::close(file);
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
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

// Nothing: it is gone. Whoever has waited for its end may be here before the system has removed it,
// so one that does not sleep is looked at again, as long as there are `looks` left.
std::optional<std::string> name_of(const std::string& entry, int& looks) {
  for (;; --looks) {
    const std::string facts = facts_of(entry);  // number (name) state ...
    const std::size_t name = facts.find('(') + 1;
    const std::size_t end = facts.rfind(')');
    if (end == std::string::npos) return std::nullopt;
    if (looks <= 0 || facts.substr(end, 3) == ") S") return facts.substr(name, end - name);
    ::sched_yield();
  }
}

}  // namespace

bool are_others() {
  struct stat facts = {};
  const auto ours = std::ranges::count_if(
      state.owns, [](const auto& each) { return each.load().process == ::getpid(); });
  // The folder has two links more.
  return ::stat(kFolder, &facts) != 0 || facts.st_nlink > static_cast<nlink_t>(3 + ours);
}

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
  std::vector<std::string> libraries;  // wheels bring their own, each
  ::dl_iterate_phdr(collect_gnu_openmp, &libraries);
  for (const std::string& library : libraries) end_gnu_openmp(library);
}

void know(std::vector<pid_t> of_python) {
  state.of_python = std::move(of_python);
  std::ranges::sort(state.of_python);
}

void note() {
  state.names.clear();
  while (state.announced > 0) ::sched_yield();  // they are about to run
  DIR* const folder = are_others() ? ::opendir(kFolder) : nullptr;
  if (folder == nullptr) return;
  int looks = kMostLooks;
  while (const dirent* entry = ::readdir(folder)) {
    const pid_t number = std::atoi(entry->d_name);
    if (number <= 0 || number == ::gettid() || is_own(number) || is_of_python(number)) continue;
    if (auto name = name_of(entry->d_name, looks)) state.names.push_back(*std::move(name));
  }
  ::closedir(folder);
}

const std::vector<std::string>& noted() { return state.names; }

}  // namespace replwire::runtime::native_threads
