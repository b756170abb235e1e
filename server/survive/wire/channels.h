#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "server/link/stack_files.h"
#include "server/output/capture_pipes.h"
#include "server/output/shared_output.h"
#include "server/system/descriptors/descriptor.h"

namespace replwire::server::survive {

// What the processes of one session have in common: made once, by the server's, before the others
// are forked.
struct Channels {
  Channels();
  // Those that the process left open before it became another program.
  explicit Channels(const std::vector<int>& numbers);
  // The server's process, and their numbers.
  std::vector<int> numbers() const;
  // The same; they stay open over exec then.
  std::vector<int> leave_open() const;
  // Those of another session, in the order of `numbers`: they take the places of these, so that
  // this process is that one's. False when the system has no room for its memory.
  bool become(std::vector<Descriptor> others);

  static constexpr std::size_t kDescriptors = 12;

  pid_t server;          // and the parent of all the others
  CapturePipes capture;  // the server's are those that there are; of a sleeper it has none
  SharedOutput output;
  Descriptor output_call;  // an eventfd: there is output for the server to take
  StackFiles stack;
  // The interpreter's sockets: the link, and one for inquiries alone. Each interpreter process has
  // its own under these numbers.
  Descriptor link;
  Descriptor inquiries;
  // Where OutsideSignals of this session's processes note; none: where those of this one do.
  Descriptor signals = {};
};

// Two ends of a new pair of sockets, closed on exec.
struct SocketPair {
  // Nothing where no number is free.
  static std::optional<SocketPair> open(int type);
  Descriptor server;
  Descriptor interpreter;
};

}  // namespace replwire::server::survive
