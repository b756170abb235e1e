#include "runtime/os/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace replwire::runtime {
namespace {

constexpr mode_t kOwnerOnly = 0600;
constexpr std::size_t kMostOfName = 200;  // bytes; the rest is for what is added

std::string name_of(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

}  // namespace

NewFile::~NewFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!beside_.empty()) ::unlink(beside_.c_str());
}

std::string NewFile::fault(const char* what) const {
  return path_ + ": " + what + ": " + std::strerror(errno);
}

std::string NewFile::open(const std::string& path) {
  std::error_code error;
  path_ = path;
  if (path.empty() || path.find('\0') != std::string::npos) return "the path is empty or has a NUL";
  const auto absolute = std::filesystem::absolute(path, error);
  const auto whole = std::filesystem::weakly_canonical(absolute, error);
  path_ = error ? absolute.string() : whole.string();
  struct stat there = {};
  if (::stat(path_.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
    return path_ + ": is no regular file";
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  descriptor_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, kOwnerOnly);
  if (descriptor_ >= 0 && ::access(name_of(descriptor_).c_str(), F_OK) == 0) return {};
  if (descriptor_ >= 0) ::close(descriptor_);
  return open_beside(folder);
}

std::string NewFile::open_beside(const std::string& folder) {
  const std::string name = std::filesystem::path(path_).filename().string().substr(0, kMostOfName);
  std::string beside = folder + "/." + name + ".XXXXXX";
  descriptor_ = ::mkostemp(beside.data(), O_CLOEXEC);
  if (descriptor_ < 0) return fault("cannot be written");
  beside_ = beside;
  return {};
}

ssize_t NewFile::write(std::string_view bytes) {
  const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
  if (written > 0) size_ += written;
  return written;
}

std::string NewFile::cut(std::int64_t size) {
  if (::ftruncate(descriptor_, size) != 0 || ::lseek(descriptor_, size, SEEK_SET) < 0)
    return fault("cannot be written");
  size_ = size;
  return {};
}

std::string NewFile::put(std::string_view bytes, std::int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fault("cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += written;
  }
  return {};
}

std::string NewFile::sync() {
  while (::fsync(descriptor_) != 0) {
    if (errno != EINTR) return fault("cannot be written");
  }
  return {};
}

std::string NewFile::publish() {
  const std::filesystem::path place(path_);
  if (beside_.empty()) {
    // A name that nobody has: this process makes one file at a time.
    std::string beside = place.parent_path().string() + "/." +
                         place.filename().string().substr(0, kMostOfName) + "." +
                         std::to_string(::getpid());
    ::unlink(beside.c_str());
    if (::linkat(AT_FDCWD, name_of(descriptor_).c_str(), AT_FDCWD, beside.c_str(),
                 AT_SYMLINK_FOLLOW) != 0) {
      return fault("cannot be put in its place");
    }
    beside_ = std::move(beside);
  }
  if (::rename(beside_.c_str(), path_.c_str()) != 0) return fault("cannot be put in its place");
  beside_.clear();
  const int folder = ::open(place.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return {};
  ::fsync(folder);
  ::close(folder);
  return {};
}

}  // namespace replwire::runtime
