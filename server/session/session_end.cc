// How the session ends.
#include "server/session/session.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "server/output/last_words.h"
#include "server/output/output_frames.h"
#include "server/session/frame_values.h"
#include "server/system/descendants.h"

namespace replwire::server {
namespace {

using protocol::ErrorReason;
using protocol::InputClosedReason;
using std::chrono::milliseconds;

constexpr milliseconds kShutdownGrace{1000};
constexpr milliseconds kExitHandlers{1000};
constexpr milliseconds kLastChance{200};  // for processes that the session started
constexpr int kPatience = 5000;           // milliseconds; for a client that takes nothing
constexpr int kBetweenTwoEnds = 50;       // milliseconds

}  // namespace

void Session::on(protocol::Shutdown& /*request*/, ReplyOnce reply) {
  shutdowns_.push_back(std::move(reply));
  shut_down();
}

void Session::shut_down_from_outside() {
  const LockAndDeliver lock(*this);
  shut_down();
}

void Session::shut_down() {
  if (shutting_down_) return;
  parts_.log.line("shutting down");
  shutting_down_ = true;
  parts_.outputs.lift_limit();
  asio::post(parts_.io, [this] { parts_.outputs.room_again(); });
  end_all_queued(ErrorReason::kCancelled);
  close_threads_questions();
  if (!busy()) {
    if (const std::uint64_t task = parts_.link.control().busy_task()) interrupt_at_rest(task);
    return start_next();
  }
  if (running_) interrupt_running();
  ending_.expires_after(kShutdownGrace);
  ending_.async_wait([this](const boost::system::error_code& error) {
    if (!error) finish();
  });
}

// The interpreter comes to its end: atexit handlers run, for a limited time when the client asked
// for the end.
void Session::stop_when_idle() {
  if (!opened_ || stopping_) return;
  stopping_ = true;
  parts_.link.post(runtime::Stop{});
  if (!shutting_down_) return;
  ending_.expires_after(kExitHandlers);
  ending_.async_wait([this](const boost::system::error_code& error) {
    if (!error) finish();
  });
}

void Session::finish() {
  const LockAndDeliver lock(*this);
  if (exiting_) return;
  exiting_ = true;
  parts_.outputs.lift_limit();
  parts_.outputs.close();
  while (const auto question = questions_.take(std::optional<std::string>{})) {
    close_question(*question, InputClosedReason::kShutdown);
  }
  if (held_) {
    tell_held(true);
  } else if (running_) {
    write_error(ErrorReason::kCancelled, {}, seconds(Clock::now() - running_->started),
                std::nullopt);
  }
  while (!stack_asked_.empty()) reply_with("the session has ended");
  frames_.end();
  inquiries_.clear();
  in_turn_.reset();
  revival_.reset();
  queue_.clear();
  for (ReplyOnce& each : shutdowns_) each.answer(protocol::ShutdownReply{});
  if (shutting_down_ && shutdowns_.empty()) write(protocol::ShutdownReply{});
  asio::post(parts_.io, [this] { end_if_sent(); });
}

void Session::drained() {
  parts_.outputs.room_again();
  end_if_sent();
}

void Session::end_if_sent() {
  const LockAndDeliver lock(*this);
  if (!exiting_) return;
  if (parts_.writer.pending() == 0) {
    // A client that died closed its two ends one after the other: this may be the second.
    if (!shutting_down_ && user_code_left_processes() &&
        parts_.writer.reader_gone(kBetweenTwoEnds)) {
      end_with_descendants();
    }
    parts_.log.line("the end");
    ::_exit(options_.fail_on_error && failed_ ? 1 : 0);
  }
}

// Whoever started them may be dead already.
bool Session::user_code_left_processes() const {
  std::vector<pid_t> own = own_processes();
  own.push_back(parts_.link.process());
  const Descendants all = Descendants::find(::getpid());
  return std::ranges::any_of(all.pids(),
                             [&own](pid_t pid) { return !std::ranges::count(own, pid); });
}

void Session::descriptors_gone() {
  last_words::die("the server's own descriptors were closed", kBroken);
}

void Session::client_gone() {
  const LockAndDeliver lock(*this);  // nobody else is to end the process before its descendants are
  end_with_descendants();
}

// Nobody is left to tell anything; what the session started goes with it.
void Session::end_with_descendants() {
  parts_.log.line("the client is gone");
  const Descendants descendants = Descendants::find(::getpid());
  descendants.signal(SIGTERM);
  descendants.wait(kLastChance);
  descendants.signal(SIGKILL);
  ::_exit(0);
}

void Session::on(const runtime::Exiting& exiting) {
  if (options_.survive) {
    exiting_with_ = exiting;
    return;
  }
  die("exit", exiting.traceback, exiting.status);
}

void Session::die(std::string_view reason, std::string_view traceback, int status) {
  parts_.outputs.close();
  protocol::Fatal fatal = {};
  fatal.reason = reason;
  fatal.exit_status = status;
  if (running_) fatal.execution_id = id_of(running_->execution);
  fatal.traceback = traceback;
  write(fatal);
  parts_.writer.drain(kPatience);
  ::_exit(status);
}

}  // namespace replwire::server
