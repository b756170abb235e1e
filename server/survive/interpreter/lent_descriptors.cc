#include "server/survive/interpreter/lent_descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "runtime/os/own_file.h"
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

// What stat() says of one is enough to know it.
bool is_stream(mode_t mode) { return S_ISSOCK(mode) || S_ISFIFO(mode); }

int access_of(int number) { return ::fcntl(number, F_GETFL) & O_ACCMODE; }

}  // namespace

LentDescriptors::LentDescriptors(std::vector<int> except, const CapturePipes& capture) {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (capture.has(fd)) except.push_back(fd);
  }
  except.push_back(runtime::reserved_descriptor());
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return;
  while (const dirent* entry = ::readdir(folder)) {
    const int number = std::atoi(entry->d_name);
    if (entry->d_name[0] == '.' || number == ::dirfd(folder)) continue;
    if (PrivateRange::holds(number) || std::ranges::count(except, number) > 0) continue;
    add(number);
  }
  ::closedir(folder);
}

void LentDescriptors::add(int number) {
  Lent lent = {number, 0, 0, Kind::kOrdinary, {}, {}, number};
  if (::fstat(number, &lent.facts) != 0) return;
  const mode_t mode = lent.facts.st_mode;
  const bool device = S_ISCHR(mode) || S_ISBLK(mode);
  const bool file = S_ISREG(mode) || S_ISDIR(mode);
  if (file && !is_locked(number))
    return files_.push_back({number, lent.facts.st_dev, lent.facts.st_ino});
  if (device ? is_shared(lent.facts.st_rdev) : !is_stream(mode) && !file) return;
  lent.name = target_of(number);
  lent.flags = ::fcntl(number, F_GETFD);
  lent.access = access_of(number);
  if (device) lent.kind = is_for_graphics(lent.name) ? Kind::kProcessors : Kind::kDevice;
  lent.first = first_of(lent);
  all_.push_back(std::move(lent));
}

int LentDescriptors::first_of(const Lent& lent) const {
  if (is_stream(lent.facts.st_mode)) return lent.number;
  const pid_t self = ::getpid();
  const auto same = std::ranges::find_if(all_, [&](const Lent& other) {
    return is_same(other.facts, lent.facts) &&
           ::syscall(SYS_kcmp, self, self, KCMP_FILE, other.number, lent.number) == 0;
  });
  return same == all_.end() ? lent.number : same->first;
}

bool LentDescriptors::are_one(const Lent& one, const Lent& other) {
  if (one.first == other.first) return true;
  return is_stream(one.facts.st_mode) && is_same(one.facts, other.facts) &&
         one.access == other.access;
}

bool LentDescriptors::can_be_kept() const {
  return std::ranges::any_of(all_, [](const Lent& lent) { return lent.kind != Kind::kProcessors; });
}

// The number may belong to the same file, opened anew: kcmp() tells. Where it fails, since a filter
// of system calls forbids it or the copy is gone, number and inode decide.
bool LentDescriptors::leave(const File& file, pid_t copy) const {
  const bool there = std::ranges::any_of(files_, [&](const File& own) {
    return own.number == file.number && own.device == file.device && own.inode == file.inode;
  });
  return there && ::syscall(SYS_kcmp, ::getpid(), copy, KCMP_FILE, file.number, file.number) <= 0;
}

void LentDescriptors::let_go() const {
  const Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const Lent& lent : all_) ::dup3(nothing.get(), lent.number, O_CLOEXEC);
  if (std::ranges::count(all_, Kind::kProcessors, &Lent::kind) > 0) unmap_graphics();
}

void LentDescriptors::let_go_of_locked() {
  const std::size_t before = all_.size();
  for (const File& file : std::exchange(files_, {})) add(file.number);
  if (all_.size() == before) return;
  const Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (std::size_t i = before; i < all_.size(); ++i)
    ::dup3(nothing.get(), all_[i].number, O_CLOEXEC);
}

bool LentDescriptors::lead(const Lent& lent, int descriptor) {
  return ::dup3(descriptor, lent.number, (lent.flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0) >= 0;
}

// False when it is another one.
bool LentDescriptors::put(const Lent& lent, const Descriptor& descriptor) {
  struct stat facts = {};
  return ::fstat(descriptor.get(), &facts) == 0 && is_same(facts, lent.facts) &&
         access_of(descriptor.get()) == lent.access && lead(lent, descriptor.get());
}

// From what the keeper has under any number, as far as the system commonly gives them out.
void LentDescriptors::find_elsewhere(const Descriptor& keeper, Return& back) {
  constexpr rlim_t kMost = 4096;
  constexpr int kAtOnce = 64;
  const auto is_missing = [](const Lent* lent) { return is_stream(lent->facts.st_mode); };
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int end = static_cast<int>(std::min(limit.rlim_cur, kMost));
  for (int first = 0; first < end && std::ranges::any_of(back.missing, is_missing);
       first += kAtOnce) {
    std::vector<int> numbers(kAtOnce);
    std::iota(numbers.begin(), numbers.end(), first);
    std::erase_if(numbers, PrivateRange::holds);
    const auto kept = ask_keeper(keeper, numbers);
    if (!kept) return;
    for (const Kept& other : *kept) {
      back.settle([&other](const Lent& lent) {
        return is_stream(lent.facts.st_mode) && put(lent, other.descriptor);
      });
    }
  }
}

// What is not there under its number may be under another one: of those that this process had as
// well, or that the code has made since.
runtime::Lost LentDescriptors::take_back(const Descriptor& keeper,
                                         const std::array<ino_t, 2>& before,
                                         const CapturePipes& capture) const {
  Return back;
  std::vector<int> numbers;
  for (const Lent& lent : all_) {
    const auto pipe = std::ranges::find(before, lent.facts.st_ino);
    if (S_ISFIFO(lent.facts.st_mode) && pipe != before.end()) {
      lead(lent, capture.pipes()[static_cast<std::size_t>(pipe - before.begin())].write_end.get());
      continue;
    }
    back.missing.push_back(&lent);
    if (lent.kind != Kind::kProcessors) numbers.push_back(lent.number);
  }
  if (const auto kept = ask_keeper(keeper, numbers)) {
    back.settle([&kept](const Lent& lent) {
      const auto found = std::ranges::find(*kept, lent.number, &Kept::number);
      return found != kept->end() && put(lent, found->descriptor);
    });
    back.settle([&back](const Lent& lent) {
      const auto found =
          std::ranges::find_if(back.there, [&](const Lent* one) { return are_one(lent, *one); });
      return found != back.there.end() && lead(lent, (*found)->number);
    });
    find_elsewhere(keeper, back);
  }
  runtime::Lost lost;
  for (const Lent* lent : back.missing) {
    ::fcntl(lent->number, F_SETFD, lent->flags);
    auto& names = lent->kind == Kind::kOrdinary ? lost.descriptors : lost.devices;
    if (std::ranges::count(names, lent->name) == 0) names.push_back(lent->name);
  }
  return lost;
}

}  // namespace replwire::server::survive
