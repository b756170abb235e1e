#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <variant>

#include "runtime/os/stack_dump.h"
#include "server/link/interpreter_link.h"
#include "server/link/stack_files.h"
#include "server/system/asio.h"

namespace replwire::server {

// Asks the worker for its Python stack, and for no longer than a time limit. One signal at a time
// is on its way; nobody waits for it on a thread, so requests that come meanwhile are served. Lives
// on a strand of the io_context.
class WorkerStack {
 public:
  // The frames, or in a sentence why there are none to be had.
  using Outcome = std::variant<runtime::stack_dump::Frames, const char*>;
  using Taken = std::function<void(const Outcome& outcome)>;

  WorkerStack(asio::io_context& io, InterpreterLink& link, StackFiles& files);
  WorkerStack(const WorkerStack&) = delete;
  WorkerStack& operator=(const WorkerStack&) = delete;

  // From any thread. `taken` comes on the io_context within the limit, each in its turn, with a
  // stack that is not older than the call.
  void take(Taken taken);

  // Nothing is taken any more, and nobody is answered. Calls `then` on the io_context.
  void close(std::function<void()> then);

  // The worker has died, with the signal that was on its way perhaps.
  void worker_died();

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    Taken taken;
    Clock::time_point deadline;
  };

  void add(Waiting waiting);
  void ask();
  void wait_for_worker();
  void told();
  void wait_for_deadline();
  void answer_first(const Outcome& outcome);
  std::string text() const;

  asio::strand<asio::io_context::executor_type> strand_;
  InterpreterLink& link_;
  Descriptor& file_;                      // what faulthandler writes to
  asio::posix::stream_descriptor event_;  // an eventfd: it has written all
  asio::steady_timer timer_;

  std::deque<Waiting> waiting_;
  bool asked_ = false;       // a signal is on its way
  bool listens_ = false;     // to the event
  int attempts_ = 0;         // for those that wait
  std::size_t covered_ = 0;  // how many of those that wait it answers: they came before it was sent
};

}  // namespace replwire::server
