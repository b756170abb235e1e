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
// had, under whatever number. Other files the copy has as well, until the interpreter locks them.
class LentDescriptors {
 public:
  // One that the copy has as well.
  struct File {
    int number;
    dev_t device;
    ino_t inode;
  };

  // Finds them among those of this process, but for our own, these, and standard streams that lead
  // into the capture pipes.
  LentDescriptors(std::vector<int> except, const CapturePipes& capture);

  bool empty() const { return all_.empty(); }
  // Whether any could be had back.
  bool can_be_kept() const;
  // Those that may be locked yet, or have been since.
  const std::vector<File>& files() const { return files_; }
  // Whether `file`, which `copy` has of an earlier time, is still open here and not locked.
  bool leave(const File& file, pid_t copy) const;

  // In the copy. The numbers stay taken.
  void let_go() const;
  void let_go_of_locked();
  // In what wakes of it: from the keeper of the interpreter that died. Returns what is lost: under
  // such a number there is nothing that can be written to. What led into one of the capture pipes
  // that there were leads into the one that there is.
  runtime::Lost take_back(const Descriptor& keeper, const std::array<ino_t, 2>& before,
                          const CapturePipes& capture) const;

 private:
  enum class Kind { kOrdinary, kDevice, kProcessors };  // the last: useless in any other process
  struct Lent {
    int number;
    int flags;   // of the descriptor
    int access;  // reading, writing
    Kind kind;
    struct stat facts;
    std::string name;
    int first;  // the least number that stands for the same open file, as far as it is known
  };

  struct Return {
    std::vector<const Lent*> missing = {};
    std::vector<const Lent*> there = {};
    // Of those that are missing, for which `is_back` says so.
    template <class IsBack>
    void settle(IsBack is_back) {
      std::erase_if(missing, [&](const Lent* lent) {
        const bool back = is_back(*lent);
        if (back) there.push_back(lent);
        return back;
      });
    }
  };

  void add(int number);
  int first_of(const Lent& lent) const;
  static bool are_one(const Lent& one, const Lent& other);
  static bool lead(const Lent& lent, int descriptor);
  static bool put(const Lent& lent, const Descriptor& descriptor);
  static void find_elsewhere(const Descriptor& keeper, Return& back);

  std::vector<Lent> all_;
  std::vector<File> files_;
};

}  // namespace replwire::server::survive
