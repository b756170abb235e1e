#pragma once

#include <sys/syscall.h>
#include <unistd.h>

namespace replwire_tests {

// The version of the kernel's Landlock; 0: it has none.
inline int landlock_version() {
  constexpr long kCreateRuleset = 444;
  constexpr unsigned kAskVersion = 1;
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  return version > 0 ? static_cast<int>(version) : 0;
}

#define SKIP_WITHOUT_LANDLOCK() \
  if (::replwire_tests::landlock_version() == 0) GTEST_SKIP() << "this kernel has no Landlock"

}  // namespace replwire_tests
