#pragma once

#include <array>

namespace replwire::runtime {

// Descriptors 0, 1 and 2 as user code finds them. Keeps copies, so that one that user code closed
// can be put back; one that it replaced is its own.
class StandardDescriptors {
 public:
  StandardDescriptors();  // of what they are now
  StandardDescriptors(const StandardDescriptors&) = delete;
  StandardDescriptors& operator=(const StandardDescriptors&) = delete;
  ~StandardDescriptors();

  void restore() const;

 private:
  std::array<int, 3> copies_;
};

}  // namespace replwire::runtime
