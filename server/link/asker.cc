#include "server/link/asker.h"

#include <system_error>

#include "runtime/os/native_threads.h"
#include "server/system/threads.h"

namespace replwire::server {

Asker::~Asker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Asker::ask(runtime::Inquiry inquiry) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) start();
  waiting_.push_back(std::move(inquiry));
  changed_.notify_one();
}

void Asker::start() {
  runtime::native_threads::announce(1);
  try {
    thread_ = start_thread("asker", [this] { run(); });
  } catch (const std::system_error&) {
    runtime::native_threads::announce(-1);
    throw;
  }
}

void Asker::run() {
  runtime::native_threads::claim();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (ending_) return;
    const runtime::Inquiry inquiry = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    answer_(inquiry);
    lock.lock();
  }
}

}  // namespace replwire::server
