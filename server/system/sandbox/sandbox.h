#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "server/system/descriptors/descriptor.h"
#include "server/system/options.h"

namespace replwire::server {

// What the options ask the kernel to hold the session's code to, with all that it starts: made
// ready by the program before it starts anything, and set before Python starts.
//
// With --survive there are two layers. The server is inside the outer one, since code could bring
// it down by the memory that they share, and then speak for it. The interpreter is inside both,
// and therefore cannot reach the server's process: Landlock keeps who is further inside from it.
class Sandbox {
 public:
  // What else must be read for Python to run when --sandbox-read leaves nothing but that.
  using Readable = std::vector<std::string>;

  // Tells `options` where code may write, makes its temporary folder, and sets the limits without
  // --survive. The process holds no descriptors from 3 on then but ours. `failure`: in one line why
  // that cannot be.
  static Sandbox prepare(Options& options, const Readable& python, std::string& failure);

  // For good; the process has one thread. Both return what the kernel does not do, or nothing.
  std::string enforce() const;
  // In the interpreter's process where that is not the server's, which has no limits then.
  std::string enforce_within() const;

 private:
  std::string set_limits() const;
  std::string set_rules() const;

  bool on_ = false;
  bool writes_ = false;
  bool network_ = false;
  int version_ = 0;  // of Landlock
  Descriptor rules_;
  Descriptor inner_rules_;
  std::vector<ResourceLimit> limits_;
  pid_t helper_ = -1;
};

// --env-clear and --env-keep, for this process and what it becomes; what is cleared cannot be read
// in /proc either.
void clear_environment(const Options& options);

}  // namespace replwire::server
