#pragma once

#include <sys/stat.h>

#include <array>
#include <string>
#include <vector>

#include "runtime/link.h"
#include "server/output/capture_pipes.h"
#include "server/system/descriptors/descriptor.h"

namespace replwire::server::survive {

// Descriptors that a sleeping copy of the interpreter must not hold: what the interpreter closes
// has to be closed, for the other end of a pipe or a connection, for a lock, a port or a device.
// The copy lets go of them and has them back when it is woken, those that the interpreter still
// had.
class LentDescriptors {
 public:
  // Finds them among those of this process, but for standard streams, our own and these.
  explicit LentDescriptors(const std::vector<int>& except);

  bool empty() const { return all_.empty(); }
  // Whether any could be had back.
  bool can_be_kept() const;

  // In the copy. The numbers stay taken.
  void let_go() const;
  // In what wakes of it: from the keeper of the interpreter that died. Returns what is lost: under
  // such a number there is nothing that can be written to. What led into one of the capture pipes
  // that there were leads into the one that there is.
  runtime::Lost take_back(const Descriptor& keeper, const std::array<ino_t, 2>& before,
                          const CapturePipes& capture) const;

 private:
  enum class Kind { kOrdinary, kDevice, kProcessors };  // the last: useless in any other process
  struct Lent {
    int number;
    int flags;
    Kind kind;
    struct stat facts;
    std::string name;
  };

  void add(int number);

  std::vector<Lent> all_;
};

}  // namespace replwire::server::survive
