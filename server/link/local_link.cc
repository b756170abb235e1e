#include "server/link/local_link.h"

#include <utility>

#include "runtime/os/stack_dump.h"
#include "server/system/process/descendants.h"

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
  if (answers_.give(number, std::move(answer))) return;
  const std::lock_guard lock(mutex_);
  wake_worker_ = true;
}

std::vector<pid_t> LocalLink::earlier_children() const {
  const std::lock_guard lock(mutex_);
  return earlier_children_;
}

bool LocalLink::stack_can_be_asked_for() const { return runtime::stack_dump::installed(); }

std::optional<runtime::Command> LocalLink::poll() {
  const std::lock_guard lock(mutex_);
  if (commands_.empty() || !outputs_.room().any()) return std::nullopt;
  runtime::Command command = std::move(commands_.front());
  commands_.pop_front();
  return command;
}

std::optional<runtime::Command> LocalLink::receive(const runtime::Watch& watch) {
  for (;;) {
    if (!outputs_.room().wait()) return std::nullopt;
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
  std::visit([this](const auto& each) { note(each); }, event);
  receiver_(std::move(event));
}

std::optional<runtime::Answer> LocalLink::wait_for_answer(std::uint64_t number,
                                                          const sigset_t* blocked) {
  if (blocked == nullptr) return answers_.wait(number);
  for (;;) {
    if (auto answer = answers_.take(number)) return answer;
    if (!waker_.wait(*blocked)) return std::nullopt;
  }
}

}  // namespace replwire::server
