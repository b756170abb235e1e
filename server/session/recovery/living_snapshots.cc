#include "server/session/recovery/living_snapshots.h"

#include <chrono>
#include <utility>

#include "server/session/frame_values.h"

namespace replwire::server {
namespace {

constexpr std::chrono::milliseconds kTimeForFacts{20};

}  // namespace

void LivingSnapshots::drop(const std::vector<Number>& numbers) {
  for (const Number number : numbers) processes_.drop(number);
}

void LivingSnapshots::forget_the_dead() {
  std::vector<Number> dead;
  for (const auto& [number, snapshot] : all()) {
    if (!lives(number)) dead.push_back(number);
  }
  for (const Number number : dead) lost(number);
  drop(dead);
}

std::vector<protocol::CheckpointEntry> LivingSnapshots::entries() const {
  const Clock::time_point now = Clock::now();
  std::vector<protocol::CheckpointEntry> entries;
  for (const auto& [number, snapshot] : all()) {
    protocol::CheckpointEntry entry = {};
    entry.checkpoint_id = checkpoint_id(number);
    entry.name = snapshot.name;
    entry.automatic = snapshot.automatic;
    entry.age = seconds(now - snapshot.taken);
    if (snapshot.execution_id) {
      entry.execution_id = protocol::JsonOf<protocol::Id>{*snapshot.execution_id};
    }
    entry.execution_count = snapshot.execution_count;
    entries.push_back(std::move(entry));
  }
  return entries;
}

// As many as can be asked in the time that a status has.
protocol::SnapshotFacts LivingSnapshots::facts() const {
  protocol::SnapshotFacts facts = {};
  const Clock::time_point end = Clock::now() + kTimeForFacts;
  for (const auto& [number, snapshot] : all()) {
    ++facts.count;
    if (Clock::now() < end) facts.memory += processes_.memory_of(number);
  }
  return facts;
}

}  // namespace replwire::server
