#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace replwire::server {

// A thread for what takes time and is in nobody's way there: one job after the other. It starts
// with the first job, and sleeps when there is none. Its owner ends it, with the jobs not begun.
class SideThread {
 public:
  explicit SideThread(const char* name) : name_(name) {}
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;
  ~SideThread() { end(); }

  // Throws std::system_error where the system has no thread left.
  void post(std::function<void()> job);
  // As it is destroyed; by another thread. What is posted from here on is dropped.
  void end();

 private:
  void run();

  const char* name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace replwire::server
