#include "server/survive/interpreter/socket_link.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "runtime/os/detached_fork.h"
#include "runtime/os/forked.h"
#include "runtime/os/native_threads.h"
#include "server/link/no_answer.h"
#include "server/survive/interpreter/keeper.h"
#include "server/survive/interpreter/lent_descriptors.h"
#include "server/survive/interpreter/sleeper.h"
#include "server/survive/interpreter/transmit.h"
#include "server/survive/wire/packing.h"
#include "server/survive/wire/sending.h"
#include "server/system/descriptors/ready.h"
#include "server/system/outside_signals.h"
#include "server/system/overloaded.h"
#include "server/system/process/descendants.h"
#include "server/system/process/process_facts.h"
#include "server/system/threads.h"

namespace replwire::server::survive {
namespace {

using runtime::Command;
using runtime::Event;

constexpr std::chrono::microseconds kTimeToRead{100};

// A snapshot that is to be taken when the interpreter rests; null: something else.
const runtime::Checkpoint* offered(const Command& command) {
  const auto* checkpoint = std::get_if<runtime::Checkpoint>(&command);
  return checkpoint != nullptr && checkpoint->limit ? checkpoint : nullptr;
}

// Whether the process is forked for it.
bool copies(const Command& command) {
  return std::holds_alternative<runtime::Checkpoint>(command) ||
         std::holds_alternative<runtime::SaveApart>(command);
}

void call(const Descriptor& event) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event.get(), &one, sizeof one);
}

}  // namespace

// ---- commands -------------------------------------------------------------------------------

// False when there is nothing, or a signal came.
bool SocketLink::fill(int flags) {
  const ssize_t size = in_.receive(channels_.link.get(), flags);
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) ::_exit(kNoLink);
  return size > 0;
}

std::optional<Command> SocketLink::next(bool may_wait) {
  for (;;) {
    const bool held = held_.has_value();
    auto command = held ? std::exchange(held_, std::nullopt) : next_command();
    if (command) {
      if (const auto* offer = offered(*command)) {
        if (!may_wait && !held && !offer->urgent) {
          held_ = std::move(command);
          return std::nullopt;
        }
        if (declines(*offer, may_wait)) continue;
      }
      return take(*std::move(command), may_wait);
    }
    if (!fill(MSG_DONTWAIT)) break;
  }
  return std::nullopt;
}

std::optional<Command> SocketLink::next_command() {
  take_arrived();
  if (commands_.empty()) return std::nullopt;
  // While the client is behind nothing begins but snapshots: a result waits for one to be told.
  if (!copies(commands_.front()) && !channels_.output.has_room()) return std::nullopt;
  Command command = std::move(commands_.front());
  commands_.pop_front();
  return command;
}

void SocketLink::take_arrived() {
  while (const auto received = in_.take()) {
    auto message = unpacked<ToWorker>(received->body);
    if (!message) std::abort();
    std::visit(Overloaded{[this](Command& command) { commands_.push_back(std::move(command)); },
                          [this](GivenAnswer& given) {
                            answers_.give(given.question, std::move(given.answer));
                          }},
               *message);
  }
}

// Of a process that is too large no snapshot is taken.
bool SocketLink::declines(const runtime::Checkpoint& offer, bool may_wait) {
  if (may_wait && !offer.urgent) let_client_go_first();
  if (static_cast<std::size_t>(resident_bytes(::getpid())) <= *offer.limit) return false;
  send_message(Asleep{offer.number, -1, {}}, {});
  return true;
}

// On one core a snapshot would come between the reply and the client that waits for it. Over when
// there is more to do.
void SocketLink::let_client_go_first() const {
  pollfd link = {channels_.link.get(), POLLIN, 0};
  const timespec time = {0, std::chrono::nanoseconds(kTimeToRead).count()};
  if (in_.empty() && commands_.empty()) ::ppoll(&link, 1, &time, nullptr);
}

// As an execution begins, for those that a task has started at rest; and before the next one can,
// since an interrupt may come before that one has begun.
void SocketLink::tell_children() {
  auto children = own_children();
  if (children == children_) return;
  left_ = left_ || std::ranges::any_of(children, [this](pid_t child) {
            return std::ranges::count(children_, child) == 0;
          });
  children_ = std::move(children);
  send_message(EarlierChildren{children_}, {});
}

// Where processes were started since the capture pipes are new, which may have left others behind:
// what they write is not the next execution's.
void SocketLink::set_pipes_apart(bool looks) {
  left_ = left_ || gone_.any_gone();
  if (!left_ || channels_.output.apart_full()) return;
  const auto made = channels_.capture.make_successors();
  if (!made) return;
  {
    const std::lock_guard lock(sending_);
    transmit_apart(channels_, begun_, looks, *made);
  }
  left_ = false;
  gone_.begin();
}

// A snapshot waits for the answer that is being given. Whoever holds the GIL must not wait for it.
std::optional<Command> SocketLink::take(Command command, bool may_wait) {
  if (const auto* run = std::get_if<runtime::Run>(&command)) {
    current_ = run->execution->serial;
    tell_children();
    set_pipes_apart(false);  // from what tasks have started at rest
    begun_ = run->execution;
  }
  if (!copies(command)) return command;
  if (may_wait) {
    answering_.lock();
  } else if (!answering_.try_lock()) {
    held_ = std::move(command);
    return std::nullopt;
  }
  return command;
}

std::optional<Command> SocketLink::receive(const runtime::Watch& watch) {
  if (!reads_ && answer_inquiry_) start_reader();
  for (;;) {
    if (auto command = next(true)) return command;
    if (!commands_.empty()) {  // the first of them waits for room
      if (!channels_.output.wait_for_room()) return std::nullopt;
      continue;
    }
    if (watch.empty()) {
      if (!fill(0)) return std::nullopt;
      continue;
    }
    std::array<pollfd, 2> states = {pollfd{channels_.link.get(), POLLIN, 0},
                                    pollfd{watch.descriptor, POLLIN, 0}};
    const auto nanoseconds = watch.timeout.value_or(std::chrono::nanoseconds(0)).count();
    const timespec time = {nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
    const int ready = wait_until_ready(states, watch.timeout ? &time : nullptr);
    if (ready <= 0 || states[0].revents == 0) return std::nullopt;
  }
}

// ---- events ---------------------------------------------------------------------------------

void SocketLink::send(Event event) {
  if (apart_) {
    send_all(channels_.link.get(), framed(packed(Message(std::move(event)))), {});
    return;
  }
  std::visit(
      Overloaded{
          [this](const runtime::Done&) {
            tell_children();
            set_pipes_apart(true);
          },
          [this](const runtime::NeedInput& asked) { answers_.expect(asked.number, asked.wakes); },
          [this](const runtime::InputWithdrawn& asked) { answers_.withdraw(asked.number); },
          [](const auto&) {}},
      event);
  send_message(Message(std::move(event)), {});
}

void SocketLink::send_message(const Message& message, std::initializer_list<int> descriptors) {
  const std::lock_guard lock(sending_);
  transmit(channels_, message, descriptors);
}

// ---- output ---------------------------------------------------------------------------------

bool SocketLink::write(const runtime::ExecutionRef& execution, runtime::Stream stream,
                       std::string_view bytes) {
  const bool named = execution && execution->serial != current_;
  for (bool written = false; !written;) {
    bool calls = false;
    {
      const SharedOutput::Lock locked(channels_.output);
      if (pace_.other_writes_fit()) {
        look_into_pipes(channels_);
        pace_.note_look();
      }
      written = channels_.output.append(execution, named, stream, bytes);
      calls = channels_.output.take_call();
    }
    if (calls) call(channels_.output_call);
    if (!written) channels_.output.wait_for_room();  // many threads, that did not wait for it
  }
  return channels_.output.has_room();
}

void SocketLink::begin(const runtime::ExecutionRef& /*execution*/) {
  channels_.capture.restore_closed();
}

bool SocketLink::wait_for_room() {
  while (!channels_.output.has_room()) {
    if (!channels_.output.wait_for_room()) return false;
  }
  return true;
}

// ---- input ----------------------------------------------------------------------------------

std::optional<runtime::Answer> SocketLink::wait_for_answer(std::uint64_t number,
                                                           const sigset_t* blocked) {
  if (blocked == nullptr) return answers_.wait(number);
  for (;;) {
    take_arrived();
    if (auto answer = answers_.take(number)) return answer;
    pollfd link = {channels_.link.get(), POLLIN, 0};
    if (wait_until_ready({&link, 1}, nullptr, blocked) <= 0) return std::nullopt;
    fill(MSG_DONTWAIT);
  }
}

// ---- the reader -------------------------------------------------------------------------------

void SocketLink::serve_inquiries(AnswerInquiry answer_inquiry) {
  answer_inquiry_ = std::move(answer_inquiry);
  start_reader();
}

// Where no thread can be had, it is tried again before each wait for a command.
void SocketLink::start_reader() {
  asker_ = std::make_unique<Asker>();
  asker_->connect([this](const runtime::Inquiry& inquiry) { answer(inquiry); });
  reads_ = false;
  runtime::native_threads::announce(1);
  try {
    start_thread("reader", [this] { read_on(); }).detach();  // for as long as the process lives
    reads_ = true;
  } catch (const std::system_error&) {
    runtime::native_threads::announce(-1);
  }
}

// At its end the server is gone, whatever user code does meanwhile; or that has closed the socket.
void SocketLink::read_on() {
  runtime::native_threads::claim();
  Inbox in;
  for (;;) {
    while (const auto received = in.take()) {
      auto message = unpacked<ToReader>(received->body);
      if (!message) std::abort();
      std::visit(Overloaded{[this](const runtime::Inquiry& inquiry) { ask(inquiry); },
                            [this](GivenAnswer& given) {
                              answers_.give(given.question, std::move(given.answer));
                            }},
                 *message);
    }
    const ssize_t size = in.receive(channels_.inquiries.get(), 0);
    if (size == 0 || (size < 0 && errno != EINTR)) ::_exit(kNoLink);
  }
}

void SocketLink::ask(const runtime::Inquiry& inquiry) {
  try {
    asker_->ask(inquiry);
  } catch (const std::system_error& error) {
    send(no_answer(inquiry, error.what()));
  }
}

void SocketLink::answer(const runtime::Inquiry& inquiry) {
  const std::lock_guard lock(answering_);
  send(answer_inquiry_(inquiry));
}

// ---- snapshots ------------------------------------------------------------------------------

std::optional<runtime::Lost> SocketLink::checkpoint(std::uint64_t number) {
  std::optional<runtime::Lost> lost;
  Asleep asleep = {number, -1, {}};
  auto control = SocketPair::open(SOCK_SEQPACKET);
  if (control) asleep.pid = fork_sleeper(*control, lost);
  if (asleep.pid < 0) asleep.failure = std::strerror(errno);
  answering_.unlock();
  if (lost) {
    go_on_as_copy();
  } else if (asleep.pid > 0) {
    send_message(asleep, {control->server.get()});
    give_way();  // to the server, which may have a result to tell
  } else {
    send_message(asleep, {});
  }
  return lost;
}

// `lost` is set in what wakes of it.
pid_t SocketLink::fork_sleeper(SocketPair& control, std::optional<runtime::Lost>& lost) {
  LentDescriptors lent = find_lent(control);
  if (sleepers_may_hold_a_lock(lent)) send_message(LockTaken{}, {});
  if (keeper_ < 0 && lent.can_be_kept()) start_keeper();
  const pid_t pid = fork_copy([&] {
    control.server = {};
    lost = sleep_until_woken(std::move(control.interpreter), channels_, &lent);
  });
  if (pid >= 0) left_files_ = lent.files(), sleeper_ = pid;
  control.interpreter = {};  // that the sleeper is dead is seen at the other end
  if (pid > 0 && !lent.empty()) await_sleeper(control);
  return pid;
}

LentDescriptors SocketLink::find_lent(const SocketPair& control) const {
  return LentDescriptors({control.server.get(), control.interpreter.get(), keeper_,
                          channels_.link.get(), channels_.inquiries.get()},
                         channels_.capture);
}

// A file that was open when sleepers were made may have been locked since: they would hold the lock
// when it is closed here.
bool SocketLink::sleepers_may_hold_a_lock(const LentDescriptors& lent) const {
  return !std::ranges::all_of(
      left_files_, [&](const LentDescriptors::File& file) { return lent.leave(file, sleeper_); });
}

pid_t SocketLink::fork_copy(const std::function<void()>& in_copy) {
  std::unique_lock sending(sending_, std::defer_lock);
  std::unique_lock<std::mutex> asking;
  const auto lock = [&] {  // a thread of user code's may be asking
    sending.lock();
    asking = answers_.hold();
  };
  const auto unlock = [&] {
    asking.unlock();
    sending.unlock();
  };
  const auto go_on = [&] {
    { const Descriptor of_keeper(std::exchange(keeper_, -1)); }
    in_copy();
    unlock();
  };
  left_ = left_ || gone_.any_gone();
  const pid_t pid = runtime::detached_fork({lock, unlock, go_on});
  gone_.begin();  // that was a child of ours
  return pid;
}

// ---- copies at work ---------------------------------------------------------------------------

bool SocketLink::go_apart(std::uint64_t serial) {
  CopyStarted started = {serial, -1, {}};
  auto control = SocketPair::open(SOCK_STREAM);
  if (control) {
    const LentDescriptors lent = find_lent(*control);
    started.pid = fork_copy([&] {
      control->server = {};
      apart_ = true;
      survive::go_apart(std::move(control->interpreter), channels_, lent);
    });
  }
  if (started.pid < 0) started.failure = std::strerror(errno);
  answering_.unlock();
  if (apart_) {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    runtime::become_forked_child();
  } else if (started.pid > 0) {
    send_message(started, {control->server.get()});
  } else {
    send_message(started, {});
  }
  return apart_;
}

// What it let go of is free when the client hears of the snapshot.
void SocketLink::await_sleeper(const SocketPair& control) {
  const timeval patience = {5, 0};  // somebody may have stopped it
  ::setsockopt(control.server.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char ready = 0;
  while (::recv(control.server.get(), &ready, 1, 0) < 0 && errno == EINTR) {
  }
}

void SocketLink::start_keeper() {
  const Keeper keeper = survive::start_keeper(channels_, keeper_);
  if (keeper.pid > 0) send_message(KeeperStarted{keeper.pid}, {keeper.socket.get()});
}

// The threads are gone, and what they had in hand stays as it is.
void SocketLink::go_on_as_copy() {
  in_ = {};
  commands_.clear();
  held_.reset();
  children_.clear();
  gone_ = {};
  left_ = false;
  answers_.clear();
  OutsideSignals::claim();
  static_cast<void>(asker_.release());
  start_reader();
}

}  // namespace replwire::server::survive
