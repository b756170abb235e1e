#include "runtime/os/own_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace replwire::runtime {
namespace {

// User code may have closed the reserve and got its number for a file of its own: so it is known
// by what it is, not by its number.
class Reserve {
 public:
  void make() {
    const int low = ::memfd_create("replwire", MFD_CLOEXEC);
    if (low < 0) return;
    number_ = ::fcntl(low, F_DUPFD_CLOEXEC, kLowest);
    if (number_ < 0) {
      number_ = low;
    } else {
      ::close(low);
    }
    struct stat state = {};
    if (::fstat(number_, &state) == 0) inode_ = state.st_ino, device_ = state.st_dev;
  }

  void give_up() {
    if (number() >= 0) ::close(number_);
    number_ = -1;
  }

  int number() const {
    struct stat state = {};
    const bool ours = number_ >= 0 && ::fstat(number_, &state) == 0 && state.st_ino == inode_ &&
                      state.st_dev == device_;
    return ours ? number_ : -1;
  }

 private:
  static constexpr int kLowest = 64;  // out of the way of numbers that people write down
  int number_ = -1;
  ino_t inode_ = 0;
  dev_t device_ = 0;
};

// Global, since it is for when the process, user code included, has no descriptor left.
Reserve reserve;

// Lifts the soft limit on descriptors to the hard one for the length of a scope.
class HighLimit {
 public:
  HighLimit() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit high = before_;
    high.rlim_cur = high.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &high);
  }
  HighLimit(const HighLimit&) = delete;
  HighLimit& operator=(const HighLimit&) = delete;
  ~HighLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_ = {};
};

struct Content {
  std::string bytes;
  time_t changed = 0;
};

int open_file(const char* path) { return ::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY); }

std::optional<Content> read_all(int file) {
  struct stat state = {};
  if (file < 0 || ::fstat(file, &state) != 0 || !S_ISREG(state.st_mode)) return std::nullopt;
  Content content = {std::string(static_cast<std::size_t>(state.st_size), '\0'), state.st_mtime};
  std::size_t done = 0;
  while (done < content.bytes.size()) {
    const ssize_t size = ::read(file, content.bytes.data() + done, content.bytes.size() - done);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    done += static_cast<std::size_t>(size);
  }
  content.bytes.resize(done);
  return content;
}

std::optional<Content> read_and_close(int file) {
  auto content = read_all(file);
  if (file >= 0) ::close(file);
  return content;
}

std::optional<Content> content_of(const char* path) {
  const int file = open_file(path);
  if (file >= 0 || (errno != EMFILE && errno != ENFILE)) return read_and_close(file);
  const HighLimit high;
  const int above = open_file(path);
  if (above >= 0) return read_and_close(above);
  reserve.give_up();
  auto content = read_and_close(open_file(path));
  reserve.make();
  return content;
}

}  // namespace

void reserve_descriptor() { reserve.make(); }

int reserved_descriptor() { return reserve.number(); }

PyObject* read_file(PyObject* /*module*/, PyObject* path) {
  PyObject* encoded = nullptr;
  if (PyUnicode_FSConverter(path, &encoded) == 0) return nullptr;
  const Ref name(encoded);
  const auto content = content_of(PyBytes_AsString(name.get()));
  if (!content) Py_RETURN_NONE;
  return Py_BuildValue("(y#L)", content->bytes.data(),
                       static_cast<Py_ssize_t>(content->bytes.size()),
                       static_cast<long long>(content->changed));
}

}  // namespace replwire::runtime
