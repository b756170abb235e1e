#include "server/system/side_thread.h"

#include <utility>

#include "server/system/threads.h"

namespace replwire::server {

void SideThread::end() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void SideThread::post(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (over_) return;
  if (!thread_.joinable()) thread_ = start_thread(name_, [this] { run(); });
  jobs_.push_back(std::move(job));
  changed_.notify_one();
}

void SideThread::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return over_ || !jobs_.empty(); });
    if (over_) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace replwire::server
