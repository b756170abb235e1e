#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/link.h"
#include "server/system/waker.h"

namespace replwire::server {

// The questions of running code that are not answered yet, on the interpreter's side. A question
// costs no descriptor and no thread. For any thread.
class Answers {
 public:
  // `wakes`: an eventfd that is told of the answer; -1: a thread waits for it.
  void expect(std::uint64_t number, int wakes = -1);
  void withdraw(std::uint64_t number);

  // What nobody expects is dropped. True: a thread waits for it in `wait`, or nobody does; else the
  // worker may be waiting.
  bool give(std::uint64_t number, runtime::Answer answer);

  // The answer, if it is there. To a question that nobody can answer any more it is the end of
  // file.
  std::optional<runtime::Answer> take(std::uint64_t number);
  // For threads that handle no signals, which is all but the worker.
  runtime::Answer wait(std::uint64_t number);

  // An eventfd among the server's own descriptors; -1: none can be had.
  static int open_waking();
  // Those that are there for questions of this eventfd's.
  std::vector<runtime::Answered> take_all(int wakes);

  // While it is held, the process may be forked.
  std::unique_lock<std::mutex> hold() { return std::unique_lock(mutex_); }
  // In a process whose other threads are gone.
  void clear();

 private:
  struct Question {
    std::optional<runtime::Answer> answer;
    ThreadWaker* waiting = nullptr;
    int wakes = -1;
  };

  std::optional<runtime::Answer> take(std::uint64_t number, ThreadWaker* waker);

  std::mutex mutex_;
  std::map<std::uint64_t, Question> questions_;
  std::multimap<int, std::uint64_t> arrived_;  // eventfd -> the questions that are answered
};

}  // namespace replwire::server
