#include "server/survive/interpreter/socket_link.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "runtime/detached_fork.h"
#include "server/survive/interpreter/sleeper.h"
#include "server/survive/interpreter/transmit.h"
#include "server/survive/wire/framed.h"
#include "server/survive/wire/sending.h"
#include "server/system/descendants.h"
#include "server/system/outside_signals.h"
#include "server/system/process_facts.h"
#include "server/system/threads.h"
#include "server/system/ticks.h"

namespace replwire::server::survive {
namespace {

using runtime::Command;
using runtime::Event;

constexpr std::chrono::microseconds kTimeToRead{100};

std::string contents(const Descriptor& file) {
  std::string text;
  std::array<char, 65536> buffer;
  for (ssize_t size = 0; (size = ::pread(file.get(), buffer.data(), buffer.size(),
                                         static_cast<off_t>(text.size()))) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

// A snapshot that is to be taken when the interpreter rests; null: something else.
const runtime::Checkpoint* offered(const Command& command) {
  const auto* checkpoint = std::get_if<runtime::Checkpoint>(&command);
  return checkpoint != nullptr && checkpoint->limit ? checkpoint : nullptr;
}

void call(const Descriptor& event) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event.get(), &one, sizeof one);
}

}  // namespace

SocketLink::Question::Question() : answer(::memfd_create("replwire-answer", MFD_CLOEXEC)) {}

// ---- commands -------------------------------------------------------------------------------

// False when there is nothing, or a signal came.
bool SocketLink::fill(int flags) {
  std::vector<Descriptor> none;
  const ssize_t size = receive_some(channels_.link.get(), in_, none, flags);
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) ::_exit(kNoLink);
  return size > 0;
}

std::optional<Command> SocketLink::next(bool may_wait) {
  while (channels_.output.has_room()) {
    const bool held = held_.has_value();
    auto command = held ? std::exchange(held_, std::nullopt) : unframed();
    if (command) {
      if (const auto* offer = offered(*command)) {
        if (!may_wait && !held) {
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

std::optional<Command> SocketLink::unframed() {
  const auto message = take_framed(in_);
  if (!message) return std::nullopt;
  auto command = unpacked<Command>(message->body);
  if (!command) std::abort();
  return command;
}

// Of a process that is too large no snapshot is taken.
bool SocketLink::declines(const runtime::Checkpoint& offer, bool may_wait) {
  if (may_wait) let_client_go_first();
  if (static_cast<std::size_t>(resident_bytes(::getpid())) <= *offer.limit) return false;
  send_message(Asleep{offer.number, -1}, {});
  return true;
}

// On one core a snapshot would come between the reply and the client that waits for it. Over when
// there is more to do.
void SocketLink::let_client_go_first() const {
  pollfd link = {channels_.link.get(), POLLIN, 0};
  const timespec time = {0, std::chrono::nanoseconds(kTimeToRead).count()};
  if (in_.empty()) ::ppoll(&link, 1, &time, nullptr);
}

// As an execution begins, for those that a task has started at rest; and before the next one can,
// since an interrupt may come before that one has begun.
void SocketLink::tell_children() {
  auto children = own_children();
  if (children == children_) return;
  children_ = std::move(children);
  send_message(EarlierChildren{children_}, {});
}

// A snapshot waits for the answer that is being given. Whoever holds the GIL must not wait for it.
std::optional<Command> SocketLink::take(Command command, bool may_wait) {
  if (const auto* run = std::get_if<runtime::Run>(&command)) {
    current_ = run->execution->serial;
    tell_children();
  }
  if (!std::holds_alternative<runtime::Checkpoint>(command)) return command;
  if (may_wait) {
    answering_.lock();
  } else if (!answering_.try_lock()) {
    held_ = std::move(command);
    return std::nullopt;
  }
  return command;
}

std::optional<Command> SocketLink::receive(const runtime::Watch& watch) {
  for (;;) {
    if (!wait_for_room()) return std::nullopt;
    if (auto command = next(true)) return command;
    if (watch.empty()) {
      if (!fill(0)) return std::nullopt;
      continue;
    }
    std::array<pollfd, 2> states = {pollfd{channels_.link.get(), POLLIN, 0},
                                    pollfd{watch.descriptor, POLLIN, 0}};
    const auto nanoseconds = watch.timeout.value_or(std::chrono::nanoseconds(0)).count();
    const timespec time = {nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
    const int ready =
        ::ppoll(states.data(), states.size(), watch.timeout ? &time : nullptr, nullptr);
    if (ready <= 0 || states[0].revents == 0) return std::nullopt;
  }
}

// ---- events ---------------------------------------------------------------------------------

void SocketLink::send(Event event) {
  if (std::holds_alternative<runtime::Done>(event)) tell_children();
  if (const auto* withdrawn = std::get_if<runtime::InputWithdrawn>(&event)) {
    const std::lock_guard lock(questions_mutex_);
    questions_.erase(withdrawn->number);
  }
  const auto* asked = std::get_if<runtime::NeedInput>(&event);
  if (asked == nullptr) return send_message(Message(std::move(event)), {});
  const auto question = std::make_shared<Question>();
  {
    const std::lock_guard lock(questions_mutex_);
    questions_.emplace(asked->number, question);
  }
  send_message(Message(std::move(event)), {question->waker.descriptor(), question->answer.get()});
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
      const std::uint64_t now = ticks();
      if (now - std::exchange(last_write_, now) > kShorterThanASystemCall)
        look_into_pipes(channels_);
      written = channels_.output.append(execution, named, stream, bytes);
      calls = channels_.output.take_call();
    }
    if (calls) call(channels_.output_call);
    if (!written) channels_.output.wait_for_room();  // many threads, that did not wait for it
  }
  return channels_.output.has_room();
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
  std::shared_ptr<Question> question;
  {
    const std::lock_guard lock(questions_mutex_);
    const auto found = questions_.find(number);
    if (found == questions_.end()) return runtime::EndOfFile{};
    question = found->second;
  }
  if (!(blocked != nullptr ? question->waker.wait(*blocked) : question->waker.wait())) return {};
  const std::lock_guard lock(questions_mutex_);
  questions_.erase(number);
  return unpacked<runtime::Answer>(contents(question->answer)).value_or(runtime::EndOfFile{});
}

// ---- inquiries ------------------------------------------------------------------------------

void SocketLink::serve_inquiries(Answer answer) {
  answer_ = std::move(answer);
  start_inquirer();
}

void SocketLink::start_inquirer() {
  start_thread("inquiries", [this] { inquire(); }).detach();  // for as long as the process lives
}

void SocketLink::inquire() {
  std::string buffer;
  std::vector<Descriptor> none;
  for (;;) {
    while (const auto message = take_framed(buffer)) {
      const auto inquiry = unpacked<runtime::Inquiry>(message->body);
      if (!inquiry) std::abort();
      const std::lock_guard lock(answering_);
      send(answer_(*inquiry));
    }
    if (receive_some(channels_.inquiries.get(), buffer, none, 0) == 0) return;
  }
}

// ---- snapshots ------------------------------------------------------------------------------

bool SocketLink::checkpoint(std::uint64_t number) {
  SocketPair control(SOCK_SEQPACKET);
  sending_.lock();  // a thread of user code's may be asking
  questions_mutex_.lock();
  const pid_t pid = runtime::detached_fork();
  if (pid == 0) {
    control.server = {};
    sleep_until_woken(std::move(control.interpreter), channels_);
    questions_.clear();
  }
  control.interpreter = {};  // that the sleeper is dead is seen at the other end
  questions_mutex_.unlock();
  sending_.unlock();
  answering_.unlock();
  if (pid == 0) {
    go_on_as_copy();
  } else if (pid > 0) {
    send_message(Asleep{number, pid}, {control.server.get()});
  } else {
    send_message(Asleep{number, -1}, {});
  }
  return pid == 0;
}

void SocketLink::go_on_as_copy() {
  in_.clear();
  held_.reset();
  children_.clear();
  OutsideSignals::claim();
  start_inquirer();
}

}  // namespace replwire::server::survive
