#include "server/link/answers.h"

#include <utility>

namespace replwire::server {

using runtime::Answer;

void Answers::expect(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  questions_.emplace(number, Question{});
}

void Answers::withdraw(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  questions_.erase(number);
}

bool Answers::give(std::uint64_t number, Answer answer) {
  const std::lock_guard lock(mutex_);
  const auto found = questions_.find(number);
  if (found == questions_.end()) return true;
  found->second.answer = std::move(answer);
  if (found->second.waiting == nullptr) return false;
  found->second.waiting->wake();
  return true;
}

std::optional<Answer> Answers::take(std::uint64_t number) { return take(number, nullptr); }

std::optional<Answer> Answers::take(std::uint64_t number, ThreadWaker* waker) {
  const std::lock_guard lock(mutex_);
  const auto found = questions_.find(number);
  if (found == questions_.end()) return runtime::EndOfFile{};
  if (!found->second.answer) {
    found->second.waiting = waker;
    return std::nullopt;
  }
  Answer answer = *std::move(found->second.answer);
  questions_.erase(found);
  return answer;
}

Answer Answers::wait(std::uint64_t number) {
  ThreadWaker waker;
  for (;;) {
    if (auto answer = take(number, &waker)) return *std::move(answer);
    waker.wait();
  }
}

void Answers::clear() {
  const std::lock_guard lock(mutex_);
  questions_.clear();
}

}  // namespace replwire::server
