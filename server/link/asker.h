#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "runtime/link.h"

namespace replwire::server {

// The thread that puts inquiries to the interpreter, one after the other. Waiting for the GIL has
// no time-out, so it is nobody else's thread; it is made for the first inquiry, and sleeps between
// them.
class Asker {
 public:
  using Answer = std::function<void(const runtime::Inquiry&)>;

  Asker() = default;
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  ~Asker();

  // Before the first inquiry.
  void connect(Answer answer) { answer_ = std::move(answer); }

  // From any thread; returns at once. Throws where no thread can be had.
  void ask(runtime::Inquiry inquiry);

 private:
  void start();
  void run();

  Answer answer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<runtime::Inquiry> waiting_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace replwire::server
