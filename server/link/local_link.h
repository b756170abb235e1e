#pragma once

#include <pthread.h>
#include <unistd.h>

#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "runtime/link.h"
#include "server/link/answers.h"
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

  LocalLink(Outputs& outputs, runtime::InterpreterControl& control)
      : InterpreterLink(control), outputs_(outputs), worker_(::pthread_self()) {
    control.set_process(::getpid());
  }

  // Before the interpreter starts. `answer` is called with inquiries, on a thread of their own.
  void connect(Receiver receiver, Asker::Answer answer) {
    receiver_ = std::move(receiver);
    asker_.connect(std::move(answer));
  }

  // The session's end.
  void post(runtime::Command command) override;
  void answer(std::uint64_t number, runtime::Answer answer) override;
  void deliver() override;
  void ask(runtime::Inquiry inquiry) override { asker_.ask(std::move(inquiry)); }
  bool stack_can_be_asked_for() const override;
  std::vector<pid_t> earlier_children() const override;

  // The interpreter's end.
  std::optional<runtime::Command> poll() override;
  std::optional<runtime::Command> receive(const runtime::Watch& watch) override;
  void send(runtime::Event event) override;
  std::optional<runtime::Lost> checkpoint(std::uint64_t /*number*/) override {
    return std::nullopt;  // never asked for
  }
  bool go_apart(std::uint64_t /*serial*/) override { return false; }  // never asked for either
  bool write(const runtime::ExecutionRef& execution, runtime::Stream stream,
             std::string_view bytes) override {
    return outputs_.write(execution, stream, bytes);
  }
  bool wait_for_room() override { return outputs_.room().wait(); }
  void flush() override { outputs_.hand_over(); }
  void flush_all() override { outputs_.flush(); }
  void begin(const runtime::ExecutionRef& execution) override { outputs_.begin(execution); }
  std::optional<runtime::Answer> wait_for_answer(std::uint64_t number,
                                                 const sigset_t* blocked) override;
  std::vector<runtime::Answered> take_answers(int wakes) override {
    return answers_.take_all(wakes);
  }
  int open_waking() override { return Answers::open_waking(); }

 private:
  bool on_worker() const { return ::pthread_equal(::pthread_self(), worker_) != 0; }
  void note(const runtime::NeedInput& question) {
    answers_.expect(question.number, question.wakes);
  }
  void note(const runtime::InputWithdrawn& question) { answers_.withdraw(question.number); }
  template <class Other>
  void note(const Other& /*event*/) {}

  Outputs& outputs_;
  const pthread_t worker_;
  Receiver receiver_;
  Asker asker_;
  EventWaker waker_;  // the worker's
  Answers answers_;

  mutable std::mutex mutex_;
  std::deque<runtime::Command> commands_;
  std::vector<pid_t> earlier_children_;
  bool worker_waits_ = false;
  bool wake_worker_ = false;  // at `deliver`
};

}  // namespace replwire::server
