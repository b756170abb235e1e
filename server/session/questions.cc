#include "server/session/questions.h"

#include <algorithm>

namespace replwire::server {

const Questions::Waiting& Questions::add(const runtime::NeedInput& question) {
  waiting_.push_back({"input-" + std::to_string(++last_id_), question.number,
                      question.execution ? question.execution->serial : 0, question.worker});
  return waiting_.back();
}

std::optional<Questions::Waiting> Questions::take(const std::optional<std::string>& id) {
  if (!id) return take_at(waiting_.begin());
  return take_at(std::ranges::find(waiting_, *id, &Waiting::id));
}

std::optional<Questions::Waiting> Questions::take(std::uint64_t number) {
  return take_at(std::ranges::find(waiting_, number, &Waiting::number));
}

std::optional<Questions::Waiting> Questions::take_thread() {
  return take_at(std::ranges::find(waiting_, false, &Waiting::worker));
}

std::optional<Questions::Waiting> Questions::take_at(std::deque<Waiting>::iterator found) {
  if (found == waiting_.end()) return std::nullopt;
  Waiting taken = std::move(*found);
  waiting_.erase(found);
  return taken;
}

std::vector<std::string> Questions::ids() const {
  std::vector<std::string> ids;
  for (const Waiting& waiting : waiting_) ids.push_back(waiting.id);
  return ids;
}

bool Questions::waits_for(std::uint64_t execution) const {
  return std::ranges::find(waiting_, execution, &Waiting::execution) != waiting_.end();
}

std::optional<runtime::Answer> Questions::take_ahead() {
  if (ahead_.empty()) return std::nullopt;
  runtime::Answer answer = std::move(ahead_.front());
  ahead_.pop_front();
  return answer;
}

}  // namespace replwire::server
