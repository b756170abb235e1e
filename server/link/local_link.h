#pragma once

#include <pthread.h>
#include <unistd.h>

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "runtime/link.h"
#include "server/link/asker.h"
#include "server/link/interpreter_link.h"
#include "server/output/outputs.h"
#include "server/system/waker.h"

namespace replwire::server {

// The link inside one process. The session posts commands, answers and interrupts from any thread;
// the interpreter, on the thread that made this object, takes them. What the interpreter sends is
// handed to the session on the thread that sends it.
class LocalLink final : public runtime::Link, public InterpreterLink {
 public:
  using Receiver = std::function<void(runtime::Event)>;

  explicit LocalLink(Outputs& outputs) : outputs_(outputs), worker_(::pthread_self()) {}
  LocalLink(const LocalLink&) = delete;
  LocalLink& operator=(const LocalLink&) = delete;

  // Before the interpreter starts. `answer` is called with inquiries, on a thread of their own.
  void connect(Receiver receiver, Asker::Answer answer) {
    receiver_ = std::move(receiver);
    asker_.connect(std::move(answer));
  }

  // The session's end.
  void post(runtime::Command command) override;
  void answer(std::uint64_t number, runtime::Answer answer) override;
  void deliver() override;
  void interrupt(std::uint64_t serial, int child = -1) override;
  void ask(runtime::Inquiry inquiry) override { asker_.ask(std::move(inquiry)); }
  bool ask_for_stack() override;
  bool stack_can_be_asked_for() const override;
  pid_t process() const override { return process_; }
  std::vector<pid_t> earlier_children() const override;

  // The interpreter's end.
  std::optional<runtime::Command> poll() override;
  std::optional<runtime::Command> receive(const runtime::Watch& watch) override;
  void send(runtime::Event event) override;
  bool checkpoint(std::uint64_t /*number*/) override { return false; }  // never asked for
  bool write(const runtime::ExecutionRef& execution, runtime::Stream stream,
             std::string_view bytes) override {
    return outputs_.write(execution, stream, bytes);
  }
  bool wait_for_room() override;
  std::optional<runtime::Answer> wait_for_answer(std::uint64_t number,
                                                 const sigset_t* blocked) override;

 private:
  struct Question {
    std::optional<runtime::Answer> answer;
    Waker* waiting = nullptr;
  };

  bool on_worker() const { return ::pthread_equal(::pthread_self(), worker_) != 0; }
  std::optional<runtime::Answer> take_answer(std::uint64_t number, Waker& waker);
  std::optional<runtime::Answer> wait_for_answer(std::uint64_t number, Waker& waker,
                                                 const sigset_t* blocked);

  Outputs& outputs_;
  const pthread_t worker_;
  const pid_t process_ = ::getpid();
  Receiver receiver_;
  Asker asker_;
  Waker waker_;  // the worker's

  mutable std::mutex mutex_;
  std::deque<runtime::Command> commands_;
  std::vector<pid_t> earlier_children_;
  bool worker_waits_ = false;
  bool wake_worker_ = false;  // at `deliver`
  std::map<std::uint64_t, Question> questions_;
};

}  // namespace replwire::server
