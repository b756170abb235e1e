#include "server/survive/interpreter/lent_descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "server/survive/interpreter/keeper.h"
#include "server/system/descriptors/private_range.h"

namespace replwire::server::survive {
namespace {

std::string target_of(int number) {
  std::array<char, 4096> text = {};
  const std::string link = "/proc/self/fd/" + std::to_string(number);
  const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
  return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// By flock(); other locks are a process's, and no copy has them.
bool is_locked(int number) {
  const std::string path = "/proc/self/fdinfo/" + std::to_string(number);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text = {};
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  return size > 0 && std::string_view(text.data(), static_cast<std::size_t>(size)).find("lock:") !=
                         std::string_view::npos;
}

// Memory (null, zero, random) and terminals, which nobody has for himself.
bool is_shared(dev_t device) {
  const unsigned kind = major(device);
  constexpr unsigned kMemory = 1;
  constexpr unsigned kTerminals = 4;
  constexpr unsigned kThisTerminal = 5;
  constexpr unsigned kPseudoTerminals = 136;
  return kind == kMemory || kind == kTerminals || kind == kThisTerminal ||
         (kind >= kPseudoTerminals && kind < kPseudoTerminals + 8);
}

bool is_for_graphics(std::string_view name) {
  return name.starts_with("/dev/nvidia") || name.starts_with("/dev/dri/") || name == "/dev/kfd";
}

// A device that is mapped is open. Plain memory in its place: the library that had it there may
// look at it before it finds out that it is gone.
void unmap_graphics() {
  std::ifstream maps("/proc/self/maps");
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> found;
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find("/dev/");
    if (path == std::string::npos || !is_for_graphics(std::string_view(line).substr(path)))
      continue;
    char* end = nullptr;
    const std::uintptr_t first = std::strtoull(line.c_str(), &end, 16);
    found.emplace_back(first, std::strtoull(end + 1, nullptr, 16));
  }
  for (const auto& [first, last] : found) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    ::mmap(reinterpret_cast<void*>(first), last - first, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }
}

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino && one.st_rdev == other.st_rdev;
}

}  // namespace

LentDescriptors::LentDescriptors(const std::vector<int>& except) {
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return;
  while (const dirent* entry = ::readdir(folder)) {
    const int number = std::atoi(entry->d_name);
    if (number <= STDERR_FILENO || number == ::dirfd(folder)) continue;
    if (PrivateRange::holds(number) || std::ranges::count(except, number) > 0) continue;
    add(number);
  }
  ::closedir(folder);
}

void LentDescriptors::add(int number) {
  Lent lent = {number, 0, Kind::kOrdinary, {}, {}};
  if (::fstat(number, &lent.facts) != 0) return;
  const mode_t mode = lent.facts.st_mode;
  const bool device = S_ISCHR(mode) || S_ISBLK(mode);
  if (device ? is_shared(lent.facts.st_rdev)
             : !S_ISSOCK(mode) && !S_ISFIFO(mode) && !(S_ISREG(mode) && is_locked(number)))
    return;
  lent.name = target_of(number);
  lent.flags = ::fcntl(number, F_GETFD);
  if (device) lent.kind = is_for_graphics(lent.name) ? Kind::kProcessors : Kind::kDevice;
  all_.push_back(std::move(lent));
}

bool LentDescriptors::can_be_kept() const {
  return std::ranges::any_of(all_, [](const Lent& lent) { return lent.kind != Kind::kProcessors; });
}

void LentDescriptors::let_go() const {
  const Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const Lent& lent : all_) ::dup3(nothing.get(), lent.number, O_CLOEXEC);
  if (std::ranges::count(all_, Kind::kProcessors, &Lent::kind) > 0) unmap_graphics();
}

runtime::Lost LentDescriptors::take_back(const Descriptor& keeper,
                                         const std::array<ino_t, 2>& before,
                                         const CapturePipes& capture) const {
  std::vector<int> numbers;
  for (const Lent& lent : all_) {
    if (lent.kind != Kind::kProcessors) numbers.push_back(lent.number);
  }
  std::vector<Kept> kept = ask_keeper(keeper, numbers);
  runtime::Lost lost;
  for (const Lent& lent : all_) {
    const int close_on_exec = (lent.flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0;
    const auto pipe = std::ranges::find(before, lent.facts.st_ino);
    if (S_ISFIFO(lent.facts.st_mode) && pipe != before.end()) {
      const auto& now = capture.pipes()[static_cast<std::size_t>(pipe - before.begin())];
      ::dup3(now.write_end.get(), lent.number, close_on_exec);
      continue;
    }
    const auto found = std::ranges::find(kept, lent.number, &Kept::number);
    struct stat facts = {};
    const bool back = found != kept.end() && ::fstat(found->descriptor.get(), &facts) == 0 &&
                      is_same(facts, lent.facts) &&
                      ::dup3(found->descriptor.get(), lent.number, close_on_exec) >= 0;
    if (back) continue;
    auto& names = lent.kind == Kind::kOrdinary ? lost.descriptors : lost.devices;
    if (std::ranges::count(names, lent.name) == 0) names.push_back(lent.name);
  }
  return lost;
}

}  // namespace replwire::server::survive
