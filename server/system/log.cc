#include "server/system/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>

namespace replwire::server {

Log::Log(const std::string& path, int error) {
  if (path.empty()) return;
  const int fd = path == "-"
                     ? ::fcntl(error, F_DUPFD_CLOEXEC, 3)
                     : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  file_ = fd < 0 ? nullptr : ::fdopen(fd, "a");
  failed_ = file_ == nullptr;
}

Log::~Log() {
  if (file_ != nullptr) std::fclose(file_);
}

void Log::line(std::string_view text) {
  if (file_ == nullptr) return;
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
  const std::lock_guard lock(mutex_);
  std::fprintf(file_, "%.6f replwire: %.*s\n", now.count(), static_cast<int>(text.size()),
               text.data());
  std::fflush(file_);
}

}  // namespace replwire::server
