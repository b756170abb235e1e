#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace replwire::runtime {

// A file in the making, for its owner's eyes only, that appears whole or not at all: it has no
// name, or one beside the path that it is meant for, until `publish` puts it in that place. Given
// up before, it leaves nothing behind. What returns text tells what went wrong; empty: nothing.
class NewFile {
 public:
  NewFile() = default;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();

  // A path through symbolic links means what they lead to.
  std::string open(const std::string& path);
  // Absolute.
  const std::string& path() const { return path_; }

  // As write(): what was taken, or -1 with errno set.
  ssize_t write(std::string_view bytes);
  // Gives up what was written from there on.
  std::string cut(std::int64_t size);
  std::int64_t size() const { return size_; }
  // Over what has been written.
  std::string put(std::string_view bytes, std::int64_t offset);
  std::string sync();
  std::string publish();

 private:
  std::string fault(const char* what) const;
  std::string open_beside(const std::string& folder);

  std::string path_;
  std::string beside_;  // the name that it has; empty: none
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

}  // namespace replwire::runtime
