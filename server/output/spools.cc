#include "server/output/spools.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "server/system/descriptors/private_range.h"

namespace replwire::server {
namespace {

Descriptor open_anywhere() {
  const char* folder = std::getenv("TMPDIR");
  if (folder == nullptr || *folder == '\0') folder = "/tmp";
  Descriptor file(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  std::string path = std::string(folder) + "/replwire-XXXXXX";  // no O_TMPFILE on this file system
  file = Descriptor(::mkostemp(path.data(), O_CLOEXEC));
  if (file) ::unlink(path.c_str());
  return file ? std::move(file) : Descriptor(::memfd_create("replwire-spool", MFD_CLOEXEC));
}

// Out of the way of user code, which closes descriptors by the hundred.
Descriptor open_unlinked() {
  const Descriptor file = open_anywhere();
  Descriptor placed = file ? PrivateRange::place_for(file) : Descriptor();
  return placed;
}

}  // namespace

Spools::Spool* Spools::find(std::int64_t count, runtime::Stream stream) {
  const auto found = std::ranges::find_if(spools_, [count, stream](const Spool& spool) {
    return spool.count == count && spool.stream == stream;
  });
  return found == spools_.end() ? nullptr : &*found;
}

// Where the oldest byte that is kept stands.
std::int64_t Spools::begin() const {
  std::int64_t oldest = end_;
  for (const Spool& spool : spools_) {
    if (!spool.extents.empty()) oldest = std::min(oldest, spool.extents.front().begin);
  }
  return oldest;
}

void Spools::make_way(std::int64_t count, std::int64_t size) {
  while (end_ - begin() + size > most_kept_ && spools_.front().count != count) spools_.pop_front();
}

void Spools::append(std::int64_t count, runtime::Stream stream, std::string_view bytes) {
  make_way(count, static_cast<std::int64_t>(bytes.size()));
  Spool* spool = find(count, stream);
  if (spool == nullptr) spool = &spools_.emplace_back(Spool{count, stream, {}});
  const bool complete = spool->kept == spool->total;
  spool->total += static_cast<std::int64_t>(bytes.size());
  if (complete) spool->kept += keep(*spool, bytes);
}

// Returns how many bytes of the front were kept.
std::int64_t Spools::keep(Spool& spool, std::string_view bytes) {
  if (!file_) file_ = open_unlinked();
  const std::int64_t room = most_kept_ - (end_ - begin());
  bytes = bytes.substr(0, static_cast<std::size_t>(std::max<std::int64_t>(room, 0)));
  const std::int64_t start = end_;
  while (!bytes.empty()) {
    const std::int64_t place = end_ % most_kept_;
    const auto piece = bytes.substr(0, static_cast<std::size_t>(most_kept_ - place));
    const ssize_t written = ::pwrite(file_.get(), piece.data(), piece.size(), place);
    if (written <= 0) break;
    end_ += written;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  const std::int64_t size = end_ - start;
  if (size == 0) return 0;
  const bool follows =
      !spool.extents.empty() && spool.extents.back().begin + spool.extents.back().size == start;
  if (follows) {
    spool.extents.back().size += size;
  } else {
    spool.extents.push_back({start, size});
  }
  return size;
}

std::optional<Spools::Part> Spools::read(std::int64_t count, runtime::Stream stream,
                                         std::int64_t offset, std::int64_t size) {
  const Spool* spool = find(count, stream);
  if (spool == nullptr) return std::nullopt;
  Part part = {{}, spool->total};
  std::int64_t left = std::min(size, kMostRead);
  for (const Extent& extent : spool->extents) {
    if (offset >= extent.size) {
      offset -= extent.size;
      continue;
    }
    for (std::int64_t at = extent.begin + offset; left > 0 && at < extent.begin + extent.size;) {
      const std::int64_t place = at % most_kept_;
      const std::int64_t most =
          std::min({left, extent.begin + extent.size - at, most_kept_ - place});
      const std::size_t before = part.bytes.size();
      part.bytes.resize(before + static_cast<std::size_t>(most));
      const ssize_t got =
          ::pread(file_.get(), part.bytes.data() + before, static_cast<std::size_t>(most), place);
      part.bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (got <= 0) return part;
      at += got;
      left -= got;
    }
    offset = 0;
  }
  return part;
}

}  // namespace replwire::server
