#include "server/link/answers.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "server/system/descriptors/descriptor.h"
#include "server/system/descriptors/private_range.h"

namespace replwire::server {

using runtime::Answer;

void Answers::expect(std::uint64_t number, int wakes) {
  const std::lock_guard lock(mutex_);
  questions_.emplace(number, Question{{}, nullptr, wakes});
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
  if (const int wakes = found->second.wakes; wakes >= 0) {
    arrived_.emplace(wakes, number);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wakes, &one, sizeof one);
    return true;
  }
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

int Answers::open_waking() {
  Descriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  Descriptor placed = event ? PrivateRange::place_for(event) : Descriptor();
  return placed ? placed.release() : event.release();
}

std::vector<runtime::Answered> Answers::take_all(int wakes) {
  const std::lock_guard lock(mutex_);
  std::vector<runtime::Answered> taken;
  const auto [first, last] = arrived_.equal_range(wakes);
  for (auto each = first; each != last; ++each) {
    const auto question = questions_.extract(each->second);
    if (question) taken.push_back({each->second, *std::move(question.mapped().answer)});
  }
  arrived_.erase(first, last);
  return taken;
}

void Answers::clear() {
  const std::lock_guard lock(mutex_);
  questions_.clear();
  arrived_.clear();
}

}  // namespace replwire::server
