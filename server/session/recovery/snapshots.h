#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace replwire::server {

// What the client calls a snapshot.
inline std::string checkpoint_id(std::uint64_t number) {
  return "checkpoint-" + std::to_string(number);
}

// Which snapshots there are and how they follow one another. Knows no process; belongs to the
// session, which guards it.
class Snapshots {
 public:
  using Clock = std::chrono::steady_clock;
  using Number = std::uint64_t;

  struct Snapshot {
    std::optional<std::string> name;
    bool automatic;
    std::int64_t steps;                       // changes of the state that lie before it
    Number last_step;                         // the newest of these; 0: none
    std::optional<std::string> execution_id;  // JSON; of the last one before
    std::optional<std::int64_t> execution_count;
    Clock::time_point taken;
  };

  // An execution, or a reset, has changed the state.
  void step(std::optional<std::string> execution_id, std::optional<std::int64_t> count);

  // Where a branch begins: in the state of that one, which it has too.
  void adopt(Number number, Snapshot snapshot);

  // One is about to be taken; it counts once `taken` says so. Returns its number.
  Number begin(std::optional<std::string> name, bool automatic);
  // One is to be taken of the state that the next step will leave.
  Number begin_next(std::string execution_id, std::optional<std::int64_t> count);
  // Returns those that are given up for it, so that no more than `most` automatic ones are kept.
  std::vector<Number> taken(Number number, std::size_t most);
  void failed(Number number) { begun_.erase(number); }
  // It has died, and cannot be restored.
  void lost(Number number) { give_up({number}); }
  // Nobody will hear of those that are begun.
  void forget_begun() { begun_.clear(); }

  bool has(Number number) const { return all_.contains(number); }
  const std::map<Number, Snapshot>& all() const { return all_; }
  // Whether there is one, or one on its way, that shows the state as it is.
  bool is_fresh() const;
  bool is_being_made() const;
  std::optional<Number> newest() const;  // before the state as it is
  // The one that lies that many steps back.
  std::optional<Number> back(std::int64_t steps) const;
  // How many steps there is one for.
  std::int64_t depth() const;

  // The state is that of this one again (none: of nothing). Returns automatic ones that lie in a
  // future that has not happened.
  std::vector<Number> restore(std::optional<Number> number);
  // Of the last restore: the executions whose effects are not in the state any more, oldest first,
  // as JSON; of very many the newest ones.
  const std::vector<std::string>& undone() const { return undone_; }
  // The last execution whose effects are in the state, as JSON.
  const std::optional<std::string>& execution_id() const { return execution_id_; }

 private:
  struct Step {
    Number before;
    std::optional<std::string> execution_id;
  };

  std::vector<Number> give_up(const std::vector<Number>& numbers);
  std::vector<std::string> steps_between(Number step, Number other) const;

  std::map<Number, Snapshot> all_;
  std::map<Number, Snapshot> begun_;
  std::vector<Number> line_;  // those that led to the state as it is, oldest first
  Number last_number_ = 0;
  std::int64_t steps_ = 0;
  std::map<Number, Step> told_;  // the newest steps, also those that were undone: a tree
  Number last_told_ = 0;
  Number last_step_ = 0;  // of those that led to the state as it is
  std::vector<std::string> undone_;
  std::optional<std::string> execution_id_;
  std::optional<std::int64_t> execution_count_;
};

}  // namespace replwire::server
