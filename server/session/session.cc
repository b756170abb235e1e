#include "server/session/session.h"

#include <algorithm>
#include <csignal>
#include <utility>
#include <variant>

#include "server/output/output_frames.h"
#include "server/session/earliest.h"
#include "server/session/frame_values.h"
#include "server/session/recovery/death_report.h"
#include "server/session/replies.h"
#include "server/system/overloaded.h"
#include "server/system/process/process_facts.h"

namespace replwire::server {
namespace {

using protocol::InputClosedReason;

// What has been shown, not asked for.
template <class T>
concept Shown = std::same_as<T, runtime::Display> || std::same_as<T, runtime::ClearOutput> ||
    std::same_as<T, runtime::Value> || std::same_as<T, runtime::Progress>;

constexpr std::chrono::seconds kTimeToWake{10};
constexpr int kBetweenTwoEnds = 50;  // milliseconds

}  // namespace

Session::Session(const Parts& parts, const Options& options, std::function<void(bool)> hold_reader)
    : parts_(parts),
      options_(options),
      hold_reader_(std::move(hold_reader)),
      frames_({parts.writer, parts.name}),
      processes_(
          parts.link,
          [this](pid_t process) {
            return parts_.host != nullptr && parts_.host->others_have(*this, process);
          },
          [this] { const LockAndDeliver lock(*this); }),  // what waited begins
      process_end_(processes_, parts.outputs, frames_, parts.writer, parts.log,
                   options.sandbox.keeper),
      alarm_(parts.io, [this] { ring(); }),
      inputs_(
          frames_,
          [this](std::uint64_t number, runtime::Answer answer) {
            parts_.link.answer(number, std::move(answer));
          },
          options.queue_bytes),
      inquiries_([this](runtime::Inquiry inquiry) { parts_.link.ask(std::move(inquiry)); },
                 [this] {
                   return !turns_.loads_ipython() &&
                          parts_.writer.waiting_replies() <= StdinReader::kMostReplies;
                 }),
      ending_(frames_, options.exit_timeout > 0 ? std::optional(duration(options.exit_timeout))
                                                : std::nullopt),
      turns_({parts.link, parts.outputs, frames_, parts.log, processes_, process_end_, ending_,
              inputs_, functions_, saves_, !parts.name.empty()},
             options,
             {[this](BranchStart start) { parts_.host->begin(*this, std::move(start)); },
              [this](ReplyOnce reply, Recovery::Listed listed) {
                list(std::move(reply), std::move(listed));
              }}) {}

// ---- ways in --------------------------------------------------------------------------------

void Session::open(const protocol::Ready& ready) {
  const LockAndDeliver lock(*this);
  frames_.write(ready);
  opened_ = true;
  inputs_.open();
  parts_.outputs.open();
  turns_.open();
}

void Session::receive(runtime::Event event) {
  const LockAndDeliver lock(*this);
  if (ending_.over()) return;
  const auto log = [this](const char* of, const std::string& fault) {
    if (!fault.empty()) parts_.log.line(of + fault);
  };
  std::visit(Overloaded{[&](Shown auto& shown) { show(replies::event(shown)); },
                        [&](runtime::CommSent& sent) {
                          std::visit([this](const auto& frame) { show(frame); },
                                     replies::event(sent));
                        },
                        [&](runtime::InquiryReply& told) { log("", inquiries_.answer(told)); },
                        [&](runtime::Defined& defined) { functions_.defined(defined); },
                        [&](runtime::CopyBegun& begun) { saves_.begun(begun); },
                        [&](runtime::CopyDone& done) { log("save: ", saves_.done(done)); },
                        [&](runtime::Restored& restored) {
                          opening_ ? open_branch(restored) : turns_.on(restored);
                        },
                        [&](auto& each) { turns_.on(each); }},
             event);
}

// What a --startup file shows is lost: `ready` is the first frame.
void Session::show(const auto& frame) {
  if (!opened_) return;
  parts_.outputs.flush();
  frames_.write(frame);
}

void Session::end_input() {
  const LockAndDeliver lock(*this);
  parts_.log.line("standard input ended");
  ending_.input_ended();
  inputs_.close();
  inputs_.refuse_all(InputClosedReason::kEndOfInput);
}

void Session::signalled(const OutsideSignals::Message& message) {
  const LockAndDeliver lock(*this);
  if (message.signal != SIGINT) return shut_down();
  // A key at the terminal has been noted with what the first session runs.
  const bool elsewhere = message.by_terminal && is_branch();
  turns_.signalled(message, elsewhere ? parts_.link.control().current() : message.running);
}

// A client that reads nothing is not buried in them.
void Session::beat() {
  const LockAndDeliver lock(*this);
  if (opened_ && !ending_.over() && parts_.outputs.room().any())
    frames_.write(protocol::Heartbeat{turns_.facts()});
}

void Session::ring() {
  bool over = false;
  {
    const LockAndDeliver lock(*this);
    alarm_set_.reset();
    if (ending_.over()) return;
    const Clock::time_point now = Clock::now();
    over = ending_.due() && *ending_.due() <= now;
    if (over && ending_.stopping())
      parts_.log.line("Python has not come to its end in time (--exit-timeout): cut off");
    if (opening_ && opening_->by <= now) {
      fail_opening("it did not wake");
      over = true;
    }
    if (turns_.act(now)) {
      parts_.stack.take(
          [this, serial = turns_.running()->serial()](const WorkerStack::Outcome& outcome) {
            const LockAndDeliver later(*this);
            turns_.stuck(serial, outcome);
          });
    }
  }
  if (over) finish();
}

// What follows from whatever has happened under the lock.
void Session::settle() {
  start_next();
  inquiries_.go_on();
  // The reader is held while too much waits, but for an input() whose answer may stand behind it.
  const bool many = turns_.waiting_bytes() + inquiries_.bytes() > options_.queue_bytes;
  const bool hold = statuses_.full() || (many && inputs_.empty());
  if (std::exchange(reader_held_, hold) != hold) hold_reader_(hold);
  if (ending_.over()) return;
  const auto opened_by = opening_ ? std::optional(opening_->by) : std::nullopt;
  const auto due = earliest({ending_.due(), opened_by, turns_.due()});
  if (std::exchange(alarm_set_, due) == due) return;
  due ? alarm_.set(*due) : alarm_.cancel();
}

void Session::start_next() {
  if (!opened_ || ending_.over() || processes_.hunting()) return;
  turns_.start_next();
  if (turns_.idle() && !others_live() &&
      ending_.stop(!inquiries_.empty() || !listings_.empty() || !saves_.empty(), Clock::now())) {
    parts_.link.post(runtime::Stop{});
  }
}

// The system walks through all pages of a process for this: tens of milliseconds for a large one.
void Session::list(ReplyOnce reply, Recovery::Listed listed) {
  side_thread_.post([this, processes = std::move(listed.processes)] {
    std::vector<std::int64_t> memory;
    for (const pid_t process : processes) memory.push_back(proportional_bytes(process));
    const LockAndDeliver lock(*this);
    if (!ending_.over()) listings_.answer(memory);
  });
  listings_.add(std::move(reply), std::move(listed.reply));
}

// ---- branches -------------------------------------------------------------------------------

void Session::begin(BranchStart start) {
  const LockAndDeliver lock(*this);
  turns_.adopt(start);
  opening_ = Opening{start.number, std::move(start.reply), Clock::now() + kTimeToWake,
                     std::move(start.parent)};
}

void Session::open_branch(const runtime::Restored& restored) {
  Opening opening = *std::exchange(opening_, std::nullopt);
  protocol::BranchReply reply = {};
  reply.session = parts_.name;
  reply.checkpoint_id = checkpoint_id(opening.snapshot);
  reply.pid = parts_.link.process();
  reply.lost_threads = restored.lost_threads;
  reply.lost_devices = restored.lost.devices;
  reply.lost_descriptors = restored.lost.descriptors;
  opening.reply.answer(std::move(reply));
  turns_.open(restored);
  opened_ = true;
  inputs_.open();
  parts_.outputs.open();
}

void Session::fail_opening(const std::string& failure) {
  std::exchange(opening_, std::nullopt)->reply.refuse(protocol::ErrorCode::kInternal, failure);
}

void Session::not_begun(const std::string& failure) {
  {
    const LockAndDeliver lock(*this);
    if (opening_) fail_opening("the system could not make one: " + failure);
  }
  finish();
}

void Session::end_processes(std::function<void()> then) {
  const auto spared = options_.leave_children ? std::nullopt : std::optional(Spared::kOwnSessions);
  const auto end = [this, spared, then = std::move(then)] {
    const auto files = [this] { return parts_.outputs.pipes_of_others(); };
    for (const pid_t pid : processes_.end_branch(spared, files)) {
      parts_.log.line("process " + std::to_string(pid) + " goes on in a session of its own");
    }
    then();
  };
  try {
    side_thread_.post(end);
  } catch (const std::exception&) {
    end();  // there is no thread to be had: others wait
  }
}

protocol::SessionEntry Session::entry() {
  const LockAndDeliver lock(*this);
  protocol::SessionEntry entry = {};
  entry.state = turns_.state();
  entry.pid = parts_.link.process();
  entry.executions = static_cast<std::int64_t>(turns_.executions());
  return entry;
}

bool Session::opened() {
  const LockAndDeliver lock(*this);
  return opened_;
}

// ---- the end --------------------------------------------------------------------------------

void Session::interpreter_died(const Death& death) {
  bool over = false;
  {
    const LockAndDeliver lock(*this);
    if (ending_.over()) return;
    parts_.log.line(cause_of(death));
    if (opening_) fail_opening("it died as it began: " + cause_of(death));
    over = !opened_ || ending_.stopping() ||
           (ending_.shutting_down() && turns_.running() == nullptr && !turns_.reviving());
    if (!over) {
      parts_.stack.worker_died();
      over = !turns_.interpreter_died(death, Clock::now());
    }
  }
  if (over) finish();
}

void Session::end() {
  const LockAndDeliver lock(*this);
  if (!ending_.over()) shut_down();
}

void Session::shut_down() {
  if (!ending_.shut_down()) return;
  parts_.log.line("shutting down");
  if (parts_.host != nullptr && !is_branch()) parts_.host->shut_down();
  parts_.outputs.room().lift_limit();
  asio::post(parts_.io, [this] { parts_.outputs.room_again(); });
  inputs_.close();
  // The worker's own question ends with the interrupt; the others must not keep their threads.
  inputs_.refuse_threads(InputClosedReason::kShutdown);
  const Clock::time_point now = Clock::now();
  if (turns_.busy() || ending_.stopping()) ending_.give_time(now);
  turns_.shut_down(now);
}

void Session::finish() {
  const LockAndDeliver lock(*this);
  if (others_live()) return ending_.await_others();
  if (!ending_.finish()) return;
  parts_.outputs.room().lift_limit();
  parts_.outputs.close();
  inputs_.withdraw_all(InputClosedReason::kShutdown);
  turns_.finish();
  while (!statuses_.empty()) statuses_.answer("the session has ended", turns_.facts());
  inquiries_.clear();
  listings_.clear();
  functions_.clear();
  saves_.clear();
  if (is_branch()) return parts_.host->ended(*this);
  ending_.answer();
  asio::post(parts_.io, [this] { drained(); });
}

void Session::branch_ended() {
  bool over = false;
  {
    const LockAndDeliver lock(*this);
    over = ending_.awaits_others();
  }
  if (over) finish();
}

void Session::drained() {
  parts_.outputs.room_again();
  const LockAndDeliver lock(*this);
  if (is_branch() || !ending_.over() || parts_.writer.pending() != 0) return;
  // A client that died closed its two ends one after the other: this may be the second.
  if (!ending_.shutting_down() && processes_.any_left() &&
      parts_.writer.reader_gone(kBetweenTwoEnds)) {
    process_end_.follow_client();
  }
  const bool failed = frames_.failed() || (parts_.host != nullptr && parts_.host->failed());
  process_end_.exit(options_.leave_children, options_.fail_on_error && failed ? 1 : 0);
}

void Session::client_gone() {
  const LockAndDeliver lock(*this);
  process_end_.follow_client();
}

}  // namespace replwire::server
