#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

#include "server/link/death.h"
#include "server/link/interpreter_link.h"
#include "server/output/outputs.h"
#include "server/survive/server/copies.h"
#include "server/survive/server/open_questions.h"
#include "server/survive/server/outbox.h"
#include "server/survive/server/reaper.h"
#include "server/survive/server/sleepers.h"
#include "server/survive/wire/channels.h"
#include "server/survive/wire/inbox.h"
#include "server/survive/wire/messages.h"
#include "server/system/asio.h"

namespace replwire::server::survive {

// The session's end of a link to the interpreter in a process of its own: the sockets, that
// process's life and death, and what takes its place. The handlers are called on a strand of the
// io_context.
class RemoteLink final : public InterpreterLink {
 public:
  struct Handlers {
    std::function<void(const Started&)> started;
    std::function<void(runtime::Event)> event;
    std::function<void(const std::string& failure)> not_copied;
    std::function<void()> ended;
    std::function<void(const Death&)> died;
  };

  // A branch's. `mark`: see is_interpreter().
  RemoteLink(asio::io_context& io, Reaper& reaper, Channels& channels,
             std::function<Descriptor()> make_origin, int mark);
  // The first session's. `origin` wakes the sleeper in which nothing has been run yet,
  // `make_origin` makes another one.
  RemoteLink(asio::io_context& io, Reaper& reaper, Channels& channels, Descriptor origin,
             std::function<Descriptor()> make_origin);
  RemoteLink(const RemoteLink&) = delete;
  RemoteLink& operator=(const RemoteLink&) = delete;

  void connect(Outputs& outputs, Handlers handlers);

  Sleepers& all_sleepers() { return sleepers_; }
  // What is still on its way to this has come when `then` is called, on the io_context; nothing
  // else comes from here on.
  void disconnect(std::function<void()> then);

  // For the reaper. Whether a child of the server's may be the interpreter.
  bool may_own(pid_t pid) const { return process() == pid || process() == 0; }
  // Calls `then` with whether it was, and has been reaped.
  void take_exit(pid_t dead, std::function<void(bool taken)> then);

  void post(runtime::Command command) override;
  void answer(std::uint64_t number, runtime::Answer answer) override;
  void deliver() override;
  void ask(runtime::Inquiry inquiry) override;
  bool stack_can_be_asked_for() const override;
  std::vector<pid_t> earlier_children() const override;
  void kill() override;
  void wake(std::uint64_t snapshot) override;
  void drop(std::uint64_t snapshot) override { sleepers_.drop(snapshot); }
  pid_t process_of(std::uint64_t snapshot) const override { return sleepers_.process_of(snapshot); }
  std::vector<pid_t> sleepers() const override;
  void kill_copy(std::uint64_t serial) override { copies_.kill(serial); }
  std::vector<pid_t> give_up_sleepers() override;
  bool is_interpreter(pid_t process) const override;
  int incoming() const override { return incoming_.get(); }
  void take_incoming() override;

 private:
  RemoteLink(asio::io_context& io, Reaper& reaper, Channels& channels, Descriptor origin,
             std::function<Descriptor()> make_origin, int mark, bool of_branch);
  void watch_output();
  void adopt(Descriptor link, Descriptor commands, Descriptor inquiries);
  bool read();
  void end_unheard();
  void close_socket();
  void take(Message message, std::vector<Descriptor> descriptors);
  void on(const Hello& hello);
  void on(Asleep& asleep);
  void on(CopyStarted& started);
  void on(const KeeperStarted& started);
  void on(const PipesApart& apart);
  void on(runtime::Event& event);
  void recognize(runtime::ExecutionRef& execution);
  bool reap(pid_t pid, int& status);
  void on_interpreter_exit(pid_t pid, int status);
  void on_interpreter_running();

  asio::io_context& io_;
  asio::strand<asio::io_context::executor_type> strand_;
  Reaper& reaper_;
  Channels& channels_;
  const int mark_;
  Outputs* outputs_ = nullptr;
  Handlers handlers_;
  asio::posix::stream_descriptor output_call_;
  Descriptor incoming_;  // an epoll of what is the interpreter's socket at the time
  std::atomic<bool> taken_{false};

  // On the strand.
  Descriptor socket_;
  Inbox in_;
  std::vector<Descriptor> descriptors_;  // that came with the message in hand
  bool started_ = false;
  std::int64_t killed_for_memory_ = 0;  // processes, by the system, when this one was made

  Descriptor interpreter_;  // a pidfd, under `signalling_`
  Outbox commands_;
  Outbox inquiries_;

  Sleepers sleepers_;
  Copies copies_;
  OpenQuestions questions_;

  mutable std::mutex mutex_;
  runtime::ExecutionRef newest_;  // of those that were posted
  std::vector<pid_t> earlier_children_;
};

}  // namespace replwire::server::survive
