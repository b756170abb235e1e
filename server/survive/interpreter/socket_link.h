#pragma once

#include <csignal>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "runtime/link.h"
#include "server/link/answers.h"
#include "server/link/asker.h"
#include "server/output/child_watch.h"
#include "server/output/write_pace.h"
#include "server/survive/interpreter/lent_descriptors.h"
#include "server/survive/wire/channels.h"
#include "server/survive/wire/inbox.h"
#include "server/survive/wire/messages.h"

namespace replwire::server::survive {

// The interpreter's end of a link to another process. What Python writes goes to shared memory, all
// else over a socket that the worker reads when it has time. A second socket has a thread of its
// own, the reader, which is never busy: it brings inquiries, hands them to the asker (which waits
// for the GIL), and the answers to questions of other threads than the worker; and it sees the
// server's death at once. A snapshot is taken while the asker has nothing in hand.
class SocketLink final : public runtime::Link {
 public:
  using AnswerInquiry = std::function<runtime::InquiryReply(const runtime::Inquiry&)>;

  explicit SocketLink(Channels& channels) : channels_(channels) {}
  SocketLink(const SocketLink&) = delete;
  SocketLink& operator=(const SocketLink&) = delete;

  void say(const Message& message) { send_message(message, {}); }
  // From here on inquiries are answered.
  void serve_inquiries(AnswerInquiry answer);

  std::optional<runtime::Command> poll() override { return next(false); }
  std::optional<runtime::Command> receive(const runtime::Watch& watch) override;
  void send(runtime::Event event) override;
  std::optional<runtime::Lost> checkpoint(std::uint64_t number) override;
  bool go_apart(std::uint64_t serial) override;
  bool write(const runtime::ExecutionRef& execution, runtime::Stream stream,
             std::string_view bytes) override;
  bool wait_for_room() override;
  void flush() override {}  // what is written outlives the process
  void begin(const runtime::ExecutionRef& execution) override;
  std::optional<runtime::Answer> wait_for_answer(std::uint64_t number,
                                                 const sigset_t* blocked) override;
  std::vector<runtime::Answered> take_answers(int wakes) override {
    return answers_.take_all(wakes);
  }
  int open_waking() override { return Answers::open_waking(); }

 private:
  std::optional<runtime::Command> next(bool may_wait);
  bool fill(int flags);
  std::optional<runtime::Command> take(runtime::Command command, bool may_wait);
  void tell_children();
  void set_pipes_apart(bool looks);
  std::optional<runtime::Command> next_command();
  void take_arrived();
  bool declines(const runtime::Checkpoint& offer, bool may_wait);
  void let_client_go_first() const;
  void send_message(const Message& message, std::initializer_list<int> descriptors);
  void start_reader();
  void read_on();
  void ask(const runtime::Inquiry& inquiry);
  void answer(const runtime::Inquiry& inquiry);
  pid_t fork_sleeper(SocketPair& control, std::optional<runtime::Lost>& lost);
  pid_t fork_copy(const std::function<void()>& in_copy);
  LentDescriptors find_lent(const SocketPair& control) const;
  bool sleepers_may_hold_a_lock(const LentDescriptors& lent) const;
  static void await_sleeper(const SocketPair& control);
  void start_keeper();
  void go_on_as_copy();

  Channels& channels_;
  Inbox in_;
  std::deque<runtime::Command> commands_;
  std::optional<runtime::Command> held_;  // a snapshot to be taken, until it may be waited for
  std::uint64_t current_ = 0;             // serial of the newest Run
  runtime::ExecutionRef begun_;           // what ran last, or runs
  std::vector<pid_t> children_;           // as they were told last
  ChildWatch gone_;                       // of children since the capture pipes are new
  bool left_ = false;                     // some may have been left that have these pipes
  WritePace pace_;
  AnswerInquiry answer_inquiry_;
  std::unique_ptr<Asker> asker_;
  bool reads_ = false;  // the reader runs
  bool apart_ = false;  // this is a copy that is at work on one thing
  // What the newest sleeper, and perhaps some before it, has of files: see LentDescriptors.
  std::vector<LentDescriptors::File> left_files_;
  pid_t sleeper_ = 0;  // the newest; 0: it is not known
  int keeper_ = -1;    // what the keeper listens to, in the table that it shares

  std::mutex answering_;  // held while an inquiry is in hand, and over a snapshot
  std::mutex sending_;    // keeps messages whole, and in the order of their positions
  Answers answers_;
};

}  // namespace replwire::server::survive
