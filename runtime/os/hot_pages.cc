#include "runtime/os/hot_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace replwire::runtime {
namespace {

constexpr std::size_t kPageSize = 4096;
constexpr std::size_t kMostPages = 2048;      // that are kept hot
constexpr std::size_t kMostLooked = 1 << 18;  // pages that are looked through: 1 GiB
constexpr std::size_t kAtOnce = 32;           // pages; some 80 microseconds
constexpr unsigned kLongestPause = 64;
constexpr std::uint64_t kExclusive = 1ULL << 56;  // in /proc/self/pagemap

struct Region {
  std::uintptr_t begin;
  std::uintptr_t end;
};

std::string read_whole(const char* path) {
  std::string text;
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return text;
  std::array<char, 16384> part = {};
  ssize_t size = 0;
  while ((size = ::read(file, part.data(), part.size())) > 0)
    text.append(part.data(), static_cast<std::size_t>(size));
  ::close(file);
  return text;
}

// Of a line of /proc/self/maps: private and writable.
std::optional<Region> writable(std::string_view line) {
  Region region = {};
  const char* const end = line.data() + line.size();
  auto [dash, first] = std::from_chars(line.data(), end, region.begin, 16);
  if (first != std::errc() || dash == end) return std::nullopt;
  auto [space, second] = std::from_chars(dash + 1, end, region.end, 16);
  if (second != std::errc()) return std::nullopt;
  const auto flags = std::string_view(space, static_cast<std::size_t>(end - space)).substr(1, 4);
  if (flags != "rw-p" && flags != "rwxp") return std::nullopt;
  return region;
}

std::vector<Region> writable_regions() {
  std::vector<Region> regions;
  const std::string maps = read_whole("/proc/self/maps");
  for (std::string_view rest = maps; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (const auto region = writable(line)) regions.push_back(*region);
  }
  return regions;
}

// Pages that no other process has; nothing when there is too much to look through.
std::optional<std::vector<std::uintptr_t>> exclusive_pages() {
  std::vector<std::uintptr_t> found;
  const int pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap < 0) return std::nullopt;
  std::size_t looked = 0;
  std::array<std::uint64_t, 2048> entries = {};
  for (const Region& region : writable_regions()) {
    looked += (region.end - region.begin) / kPageSize;
    if (looked > kMostLooked) break;
    for (std::uintptr_t at = region.begin; at < region.end;) {
      const std::size_t count = std::min(entries.size(), (region.end - at) / kPageSize);
      const auto place = static_cast<off_t>(at / kPageSize * sizeof(std::uint64_t));
      const ssize_t size = ::pread(pagemap, entries.data(), count * sizeof(std::uint64_t), place);
      if (size <= 0) break;
      for (std::size_t i = 0; i < static_cast<std::size_t>(size) / sizeof(std::uint64_t); ++i) {
        if ((entries[i] & kExclusive) != 0) found.push_back(at + i * kPageSize);
      }
      at += static_cast<std::size_t>(size) / sizeof(std::uint64_t) * kPageSize;
    }
  }
  ::close(pagemap);
  if (looked > kMostLooked) return std::nullopt;
  return found;
}

}  // namespace

void HotPages::before_snapshot() {
  if (!shared_ || --until_look_ > 0) return;
  until_look_ = 1;
  auto written = exclusive_pages();
  if (!written) {
    sampled_ = false;
    until_look_ = kLongestPause;
  } else if (std::exchange(sampled_, !sampled_)) {
    settle(*written);
  } else {
    sample_ = *std::move(written);
  }
}

void HotPages::settle(const std::vector<Page>& written) {
  std::vector<Page> hot;
  std::ranges::set_intersection(sample_, written, std::back_inserter(hot));
  sample_ = {};
  runs_.clear();
  if (hot.size() > kMostPages) hot.clear();
  for (const Page page : hot) {
    if (!runs_.empty() && runs_.back().begin + runs_.back().pages * kPageSize == page)
      ++runs_.back().pages;
    else
      runs_.push_back({page, 1});
  }
  pause_ = std::min(pause_ * 2, kLongestPause);
  until_look_ = pause_;
}

void HotPages::after_snapshot() {
  shared_ = true;
  next_ = until_look_ > 1 ? 0 : runs_.size();
}

void HotPages::copy_some() {
  for (std::size_t copied = 0; any_left() && copied < kAtOnce;) {
    const Run& run = runs_[next_++];
    // One that is not there any more is left out.
    ::madvise(reinterpret_cast<void*>(run.begin), run.pages * kPageSize, MADV_POPULATE_WRITE);
    copied += run.pages;
  }
}

}  // namespace replwire::runtime
