#include "server/session/recovery/snapshots.h"

#include <algorithm>

namespace replwire::server {

using Number = Snapshots::Number;

namespace {

constexpr std::size_t kMostTold = 1000;

}  // namespace

void Snapshots::step(std::optional<std::string> execution_id, std::optional<std::int64_t> count) {
  ++steps_;
  told_.emplace(++last_told_, Step{last_step_, execution_id});
  if (told_.size() > kMostTold) told_.erase(told_.begin());
  last_step_ = last_told_;
  execution_id_ = std::move(execution_id);
  execution_count_ = count;
}

void Snapshots::adopt(Number number, Snapshot snapshot) {
  steps_ = snapshot.steps;
  execution_id_ = snapshot.execution_id;
  execution_count_ = snapshot.execution_count;
  snapshot.automatic = true;
  snapshot.last_step = 0;
  last_number_ = number;
  line_ = {number};
  all_.emplace(number, std::move(snapshot));
}

Number Snapshots::begin(std::optional<std::string> name, bool automatic) {
  begun_.emplace(
      ++last_number_,
      Snapshot{
          std::move(name), automatic, steps_, last_step_, execution_id_, execution_count_, {}});
  return last_number_;
}

Number Snapshots::begin_next(std::string execution_id, std::optional<std::int64_t> count) {
  begun_.emplace(
      ++last_number_,
      Snapshot{std::nullopt, true, steps_ + 1, last_told_ + 1, std::move(execution_id), count, {}});
  return last_number_;
}

std::vector<Number> Snapshots::taken(Number number, std::size_t most) {
  auto begun = begun_.extract(number);
  if (begun.empty()) return {number};
  begun.mapped().taken = Clock::now();
  all_.insert(std::move(begun));
  line_.push_back(number);
  std::vector<Number> automatic;
  for (const Number each : line_) {
    if (all_.at(each).automatic) automatic.push_back(each);
  }
  automatic.resize(automatic.size() - std::min(most, automatic.size()));
  return give_up(automatic);
}

std::vector<Number> Snapshots::give_up(const std::vector<Number>& numbers) {
  for (const Number each : numbers) {
    all_.erase(each);
    std::erase(line_, each);
  }
  return numbers;
}

bool Snapshots::is_fresh() const { return !line_.empty() && all_.at(line_.back()).steps == steps_; }

bool Snapshots::is_being_made() const {
  return !begun_.empty() && begun_.rbegin()->second.steps == steps_;
}

std::optional<Number> Snapshots::newest() const {
  return line_.empty() ? std::nullopt : std::optional(line_.back());
}

std::optional<Number> Snapshots::back(std::int64_t steps) const {
  const auto found = std::find_if(line_.rbegin(), line_.rend(), [&](Number number) {
    return all_.at(number).steps == steps_ - steps;
  });
  return found == line_.rend() ? std::nullopt : std::optional(*found);
}

std::int64_t Snapshots::depth() const {
  return line_.empty() ? 0 : steps_ - all_.at(line_.front()).steps;
}

std::vector<Number> Snapshots::restore(std::optional<Number> number) {
  begun_.clear();
  const auto place = number ? std::find(line_.begin(), line_.end(), *number) : line_.end();
  const bool in_line = place != line_.end();
  const auto future = in_line ? std::next(place) : line_.begin();
  std::vector<Number> automatic;
  std::copy_if(future, line_.end(), std::back_inserter(automatic),
               [&](Number each) { return all_.at(each).automatic && each != number; });
  line_.erase(future, line_.end());
  if (number && !in_line) line_ = {*number};
  const Snapshot* now = number ? &all_.at(*number) : nullptr;
  steps_ = now != nullptr ? now->steps : 0;
  const Number step = now != nullptr ? now->last_step : 0;
  undone_ = steps_between(last_step_, step);
  last_step_ = step;
  execution_id_ = now != nullptr ? now->execution_id : std::nullopt;
  execution_count_ = now != nullptr ? now->execution_count : std::nullopt;
  return give_up(automatic);
}

// From where the two ways part.
std::vector<std::string> Snapshots::steps_between(Number step, Number other) const {
  const auto before = [this](Number number) {
    const auto found = told_.find(number);
    return found != told_.end() ? found->second.before : 0;
  };
  std::vector<std::string> ids;
  while (step > 0 && step != other) {  // a step's number is higher than those before it
    if (other > step) {
      other = before(other);
      continue;
    }
    const auto found = told_.find(step);
    if (found == told_.end()) break;
    if (found->second.execution_id) ids.push_back(*found->second.execution_id);
    step = found->second.before;
  }
  std::ranges::reverse(ids);
  return ids;
}

}  // namespace replwire::server
