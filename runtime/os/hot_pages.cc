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

constexpr std::size_t kMostPages = 2048;           // that are kept hot
constexpr std::size_t kFewestPages = 64;           // that are worth it
constexpr std::size_t kMostOfRegion = 256U << 20;  // bytes: a larger one is not looked through
constexpr std::size_t kMostLooked = 1U << 30;      // bytes, of all
constexpr std::size_t kAtOnce = 32;                // pages; some 80 microseconds
constexpr unsigned kLongestPause = 256;

// Of an entry in /proc/self/pagemap.
constexpr std::uint64_t kPresent = 1ULL << 63;
constexpr std::uint64_t kOfFile = 1ULL << 61;  // or shared memory
constexpr std::uint64_t kExclusive = 1ULL << 56;

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

// /proc/self/pagemap, or nothing where there is none.
class Pagemap {
 public:
  Pagemap() : file_(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}
  Pagemap(const Pagemap&) = delete;
  Pagemap& operator=(const Pagemap&) = delete;
  ~Pagemap() {
    if (file_ >= 0) ::close(file_);
  }
  explicit operator bool() const { return file_ >= 0; }

  // Of pages in a row; as many as it has.
  std::span<const std::uint64_t> read(std::uintptr_t begin, std::size_t pages) {
    const std::size_t count = std::min(entries_.size(), pages);
    const auto place = static_cast<off_t>(begin / page_size() * sizeof(std::uint64_t));
    const ssize_t size = ::pread(file_, entries_.data(), count * sizeof(std::uint64_t), place);
    return {entries_.data(), size > 0 ? static_cast<std::size_t>(size) / sizeof(std::uint64_t) : 0};
  }

 private:
  int file_;
  std::array<std::uint64_t, 2048> entries_ = {};
};

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

// Memory that no other process has. Nothing where the system does not tell.
std::optional<std::vector<std::uintptr_t>> exclusive_pages() {
  Pagemap pagemap;
  if (!pagemap) return std::nullopt;
  std::vector<std::uintptr_t> found;
  std::size_t looked = 0;
  for (const Region& region : writable_regions()) {
    const std::size_t size = region.end - region.begin;
    if (size > kMostOfRegion) continue;
    if ((looked += size) > kMostLooked) break;
    for (std::uintptr_t at = region.begin; at < region.end;) {
      const auto entries = pagemap.read(at, (region.end - at) / page_size());
      if (entries.empty()) break;
      for (const std::uint64_t entry : entries) {
        if ((entry & (kExclusive | kOfFile)) == kExclusive) found.push_back(at);
        at += page_size();
      }
    }
  }
  return found;
}

}  // namespace

void HotPages::before_snapshot() {
  if (!shared_ || --until_look_ > 0) return;
  until_look_ = 1;
  auto written = exclusive_pages();
  if (!written) {
    sample_.clear();
    until_look_ = kLongestPause;
  } else if (sample_.empty()) {
    sample_ = *std::move(written);
  } else {
    settle(*written);
  }
}

void HotPages::settle(const std::vector<Page>& written) {
  std::vector<Page> hot;
  std::ranges::set_intersection(sample_, written, std::back_inserter(hot));
  sample_ = {};
  runs_.clear();
  std::erase_if(hot, [this](Page page) { return std::ranges::binary_search(prefaulted_, page); });
  prefaulted_ = {};
  if (hot.size() < kFewestPages || hot.size() > kMostPages) hot.clear();
  for (const Page page : hot) {
    const bool goes_on = !runs_.empty() && runs_.back().pages < kAtOnce &&
                         runs_.back().begin + runs_.back().pages * page_size() == page;
    if (goes_on) {
      ++runs_.back().pages;
    } else {
      runs_.push_back({page, 1});
    }
  }
  pause_ = std::min(pause_ * 2, kLongestPause);
  until_look_ = pause_;
}

void HotPages::after_snapshot() {
  shared_ = true;
  next_ = until_look_ > 1 ? 0 : runs_.size();
  if (until_look_ > 1) return;
  if (auto written = exclusive_pages()) prefaulted_ = *std::move(written);
}

// What lies there now may be something else, or nothing: only memory that is shared is copied.
void HotPages::copy_some() {
  Pagemap pagemap;
  if (!pagemap) return rest();
  for (std::size_t looked = 0; any_left() && looked < kAtOnce;) {
    const Run& run = runs_[next_++];
    looked += run.pages;
    Page page = run.begin;
    for (const std::uint64_t entry : pagemap.read(run.begin, run.pages)) {
      if ((entry & (kPresent | kOfFile | kExclusive)) == kPresent)
        ::madvise(reinterpret_cast<void*>(page), page_size(), MADV_POPULATE_WRITE);
      page += page_size();
    }
  }
}

}  // namespace replwire::runtime
