#include "server/link/local_link.h"

#include <csignal>

#include "runtime/interrupts.h"
#include "runtime/stack_dump.h"
#include "server/system/descendants.h"

namespace replwire::server {

void LocalLink::post(runtime::Command command) {
  const std::lock_guard lock(mutex_);
  if (std::holds_alternative<runtime::Run>(command)) earlier_children_ = own_children();
  commands_.push_back(std::move(command));
  if (worker_waits_) wake_worker_ = true;
}

void LocalLink::deliver() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(wake_worker_, false)) return;
  }
  waker_.wake();
}

void LocalLink::answer(std::uint64_t number, runtime::Answer answer) {
  const std::lock_guard lock(mutex_);
  const auto found = questions_.find(number);
  if (found == questions_.end()) return;
  found->second.answer = std::move(answer);
  Waker* waiting = found->second.waiting;
  if (waiting == &waker_) {
    wake_worker_ = true;
  } else if (waiting != nullptr) {
    waiting->wake();
  }
}

void LocalLink::interrupt(std::uint64_t serial, int child) {
  if (serial != 0) runtime::interrupts::set_child(child);
  sigval value = {};
  value.sival_ptr = reinterpret_cast<void*>(serial);  // NOLINT(performance-no-int-to-ptr)
  ::pthread_sigqueue(worker_, runtime::interrupts::signal_number(), value);
}

std::vector<pid_t> LocalLink::earlier_children() const {
  const std::lock_guard lock(mutex_);
  return earlier_children_;
}

bool LocalLink::ask_for_stack() {
  return ::pthread_sigqueue(worker_, runtime::stack_dump::signal_number(), {}) == 0;
}

bool LocalLink::stack_can_be_asked_for() const { return runtime::stack_dump::installed(); }

std::uint64_t InterpreterLink::busy_at_rest() {
  const std::uint64_t target = runtime::interrupts::current();
  return runtime::interrupts::is_at_rest(target) ? target : 0;
}

std::optional<runtime::Command> LocalLink::poll() {
  const std::lock_guard lock(mutex_);
  if (commands_.empty() || !outputs_.has_room()) return std::nullopt;
  runtime::Command command = std::move(commands_.front());
  commands_.pop_front();
  return command;
}

std::optional<runtime::Command> LocalLink::receive(const runtime::Watch& watch) {
  for (;;) {
    if (!outputs_.wait_for_room(waker_)) return std::nullopt;
    {
      const std::lock_guard lock(mutex_);
      worker_waits_ = commands_.empty();
    }
    if (auto command = poll()) return command;
    const bool woken = watch.empty() ? waker_.wait() : waker_.wait(watch.descriptor, watch.timeout);
    {
      const std::lock_guard lock(mutex_);
      worker_waits_ = false;
    }
    if (!woken) return std::nullopt;
  }
}

void LocalLink::send(runtime::Event event) {
  if (const auto* question = std::get_if<runtime::NeedInput>(&event)) {
    const std::lock_guard lock(mutex_);
    questions_.emplace(question->number, Question{});
  } else if (const auto* withdrawn = std::get_if<runtime::InputWithdrawn>(&event)) {
    const std::lock_guard lock(mutex_);
    questions_.erase(withdrawn->number);
  }
  receiver_(std::move(event));
}

bool LocalLink::wait_for_room() {
  if (on_worker()) return outputs_.wait_for_room(waker_);
  Waker waker;
  return outputs_.wait_for_room(waker);
}

std::optional<runtime::Answer> LocalLink::wait_for_answer(std::uint64_t number,
                                                          const sigset_t* blocked) {
  if (on_worker()) return wait_for_answer(number, waker_, blocked);
  Waker waker;
  return wait_for_answer(number, waker, blocked);
}

std::optional<runtime::Answer> LocalLink::wait_for_answer(std::uint64_t number, Waker& waker,
                                                          const sigset_t* blocked) {
  for (;;) {
    if (auto answer = take_answer(number, waker)) return answer;
    if (blocked != nullptr ? waker.wait(*blocked) : waker.wait()) continue;
    const std::lock_guard lock(mutex_);
    questions_[number].waiting = nullptr;
    return std::nullopt;
  }
}

std::optional<runtime::Answer> LocalLink::take_answer(std::uint64_t number, Waker& waker) {
  const std::lock_guard lock(mutex_);
  const auto found = questions_.find(number);
  if (found == questions_.end()) return runtime::EndOfFile{};
  if (!found->second.answer) {
    found->second.waiting = &waker;
    return std::nullopt;
  }
  runtime::Answer answer = *std::move(found->second.answer);
  questions_.erase(found);
  return answer;
}

}  // namespace replwire::server
