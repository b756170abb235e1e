#pragma once

#include <vector>

#include "protocol/frames.h"
#include "server/session/recovery/snapshot_processes.h"
#include "server/session/recovery/snapshots.h"

namespace replwire::server {

// Snapshots together with the processes that they are, which something outside may kill. Belongs to
// Recovery.
class LivingSnapshots : public Snapshots {
 public:
  explicit LivingSnapshots(SnapshotProcesses& processes) : processes_(processes) {}

  bool lives(Number number) const { return processes_.process_of(number) > 0; }
  void drop(const std::vector<Number>& numbers);
  // Before one of them is chosen.
  void forget_the_dead();

  // What the client is told of them; the entries without their memory.
  std::vector<protocol::CheckpointEntry> entries() const;
  protocol::SnapshotFacts facts() const;

 private:
  SnapshotProcesses& processes_;
};

}  // namespace replwire::server
