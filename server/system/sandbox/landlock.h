#pragma once

#include <string>
#include <vector>

#include "server/system/descriptors/descriptor.h"

// Linux's own rules on files, which a process sets itself and its descendants, for good.
namespace replwire::server::landlock {

struct Rule {
  enum class Access { kRead, kWrite, kDevice, kOwn };

  std::string path;  // of a folder: all that is beneath it
  Access access;     // kWrite, kDevice: to read too; kOwn: an existing file, to write alone
  bool optional;     // where there is no such path there is no rule
};

// Which of its versions the kernel has; 0: none, or it was left out when the system started.
int version();

// Rules by which nothing else can be had. The paths are followed now: what stands at them later is
// another matter. None, with a reason, where that cannot be.
Descriptor make_rules(const std::vector<Rule>& rules, int version, std::string& failure);

// Holds the calling thread to them, and all that it starts.
bool enforce(const Descriptor& rules);

}  // namespace replwire::server::landlock
