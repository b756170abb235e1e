#pragma once

#include <vector>

#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

// The numbers of the server's own descriptors: above those that user code closes wholesale
// (`os.closerange(3, 256)`), and in one range, so that a forked child can close them at once.
class PrivateRange {
 public:
  static constexpr int kRoom = 64;  // numbers at most

  // While one lives, every descriptor that is opened gets a number of the range.
  PrivateRange();
  PrivateRange(const PrivateRange&) = delete;
  PrivateRange& operator=(const PrivateRange&) = delete;
  ~PrivateRange();

  // Below the limit that most systems set (1,024), with room for ours.
  static int first_number();

  // Whether it is a number of the range.
  static bool holds(int number);
  // Moves a descriptor that came later into the range; none when that is full.
  static Descriptor place_for(const Descriptor& late);

  // Async-signal-safe, for a forked child: nothing of the server stays open there.
  static void close_in_child();

 private:
  struct Run {
    int low;
    int high;
  };
  std::vector<Run> fillers_;
};

}  // namespace replwire::server
