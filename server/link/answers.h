#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "runtime/link.h"
#include "server/system/waker.h"

namespace replwire::server {

// The questions of running code that are not answered yet, on the interpreter's side. A question
// costs no descriptor and no thread. For any thread.
class Answers {
 public:
  void expect(std::uint64_t number);
  void withdraw(std::uint64_t number);

  // What nobody expects is dropped. True: a thread waits for it in `wait`, or nobody does; else the
  // worker may be waiting.
  bool give(std::uint64_t number, runtime::Answer answer);

  // The answer, if it is there. To a question that nobody can answer any more it is the end of
  // file.
  std::optional<runtime::Answer> take(std::uint64_t number);
  // For threads that handle no signals, which is all but the worker.
  runtime::Answer wait(std::uint64_t number);

  // While it is held, the process may be forked.
  std::unique_lock<std::mutex> hold() { return std::unique_lock(mutex_); }
  // In a process whose other threads are gone.
  void clear();

 private:
  struct Question {
    std::optional<runtime::Answer> answer;
    ThreadWaker* waiting = nullptr;
  };

  std::optional<runtime::Answer> take(std::uint64_t number, ThreadWaker* waker);

  std::mutex mutex_;
  std::map<std::uint64_t, Question> questions_;
};

}  // namespace replwire::server
