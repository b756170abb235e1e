#include "server/output/spools.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace replwire::server {
namespace {

constexpr std::int64_t kMostKept = 64 * 1024 * 1024;

Descriptor open_unlinked() {
  const char* folder = std::getenv("TMPDIR");
  if (folder == nullptr || *folder == '\0') folder = "/tmp";
  Descriptor file(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  std::string path = std::string(folder) + "/replwire-XXXXXX";  // no O_TMPFILE on this file system
  file = Descriptor(::mkostemp(path.data(), O_CLOEXEC));
  if (file) ::unlink(path.c_str());
  return file;
}

}  // namespace

Spools::Spool* Spools::find(std::int64_t count, runtime::Stream stream) {
  const auto found = std::ranges::find_if(spools_, [count, stream](const Spool& spool) {
    return spool.count == count && spool.stream == stream;
  });
  return found == spools_.end() ? nullptr : &*found;
}

void Spools::append(std::int64_t count, runtime::Stream stream, std::string_view bytes) {
  Spool* spool = find(count, stream);
  if (spool == nullptr) spool = &spools_.emplace_back(Spool{count, stream, open_unlinked()});
  const bool complete = spool->kept == spool->total;
  spool->total += static_cast<std::int64_t>(bytes.size());
  while (kept_ + static_cast<std::int64_t>(bytes.size()) > kMostKept &&
         spools_.front().count != count) {
    kept_ -= spools_.front().kept;
    spools_.pop_front();
  }
  spool = find(count, stream);
  const std::string_view fits =
      bytes.substr(0, static_cast<std::size_t>(std::max<std::int64_t>(kMostKept - kept_, 0)));
  if (!complete || ::pwrite(spool->file.get(), fits.data(), fits.size(), spool->kept) !=
                       static_cast<ssize_t>(fits.size())) {
    return;
  }
  spool->kept += static_cast<std::int64_t>(fits.size());
  kept_ += static_cast<std::int64_t>(fits.size());
}

std::optional<Spools::Part> Spools::read(std::int64_t count, runtime::Stream stream,
                                         std::int64_t offset, std::int64_t size) {
  const Spool* spool = find(count, stream);
  if (spool == nullptr) return std::nullopt;
  const std::int64_t begin = std::min(offset, spool->kept);
  Part part = {
      std::string(static_cast<std::size_t>(std::min({size, spool->kept - begin, kMostRead})), '\0'),
      spool->total};
  const ssize_t got = ::pread(spool->file.get(), part.bytes.data(), part.bytes.size(), begin);
  part.bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return part;
}

}  // namespace replwire::server
