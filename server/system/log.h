#pragma once

#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

namespace replwire::server {

// Diagnostics, one line each: to a file, to standard error ("-"), or nowhere ("").
class Log {
 public:
  // `error` is a private copy of standard error.
  Log(const std::string& path, int error);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  bool failed() const { return failed_; }  // the file could not be opened
  explicit operator bool() const { return file_ != nullptr; }
  void line(std::string_view text);

 private:
  std::mutex mutex_;
  std::FILE* file_ = nullptr;
  bool failed_ = false;
};

}  // namespace replwire::server
