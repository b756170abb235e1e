#include "server/link/worker_stack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace replwire::server {
namespace {

using runtime::stack_dump::Frames;
using std::chrono::milliseconds;

constexpr milliseconds kLimit{40};  // a status is answered within 50
constexpr int kMostAttempts = 4;

constexpr const char* kTooLate = "the code did not let a signal through in time";
constexpr const char* kTakenOver =
    "the code has taken the signal that asks for the stack for itself";
constexpr const char* kNoStack = "Python's list of frames could not be read";

// Taken in an instant in which Python's list of frames was not in order, or seemed empty.
bool torn(const std::optional<Frames>& frames, const InterpreterLink& link) {
  return !frames || (frames->empty() && link.control().current() != 0);
}

}  // namespace

WorkerStack::WorkerStack(asio::io_context& io, InterpreterLink& link, StackFiles& files)
    : strand_(asio::make_strand(io)),
      link_(link),
      file_(files.asked),
      event_(io, ::fcntl(files.told.get(), F_DUPFD_CLOEXEC, 3)),
      timer_(io) {}

void WorkerStack::take(Taken taken) {
  asio::post(strand_, [this, waiting = Waiting{std::move(taken), Clock::now() + kLimit}]() mutable {
    add(std::move(waiting));
  });
}

// Those that wait do so until their time is over.
void WorkerStack::worker_died() {
  asio::post(strand_, [this] { asked_ = false; });
}

void WorkerStack::close(std::function<void()> then) {
  asio::post(strand_, [this, then = std::move(then)] {
    boost::system::error_code ignored;
    event_.cancel(ignored);
    timer_.cancel();
    waiting_.clear();
    covered_ = 0;
    asio::post(timer_.get_executor(), then);
  });
}

void WorkerStack::add(Waiting waiting) {
  waiting_.push_back(std::move(waiting));
  if (waiting_.size() == 1) wait_for_deadline();
  if (!asked_) ask();
}

void WorkerStack::ask() {
  covered_ = waiting_.size();
  const bool installed = link_.stack_can_be_asked_for();
  if (installed && ::ftruncate(file_.get(), 0) == 0 && ::lseek(file_.get(), 0, SEEK_SET) == 0 &&
      link_.ask_for_stack()) {
    asked_ = true;
    return wait_for_worker();
  }
  while (!waiting_.empty()) answer_first(installed ? kTooLate : kTakenOver);
  timer_.cancel();
}

void WorkerStack::wait_for_worker() {
  if (std::exchange(listens_, true)) return;
  event_.async_wait(asio::posix::stream_descriptor::wait_read,
                    asio::bind_executor(strand_, [this](const boost::system::error_code& error) {
                      listens_ = false;
                      if (!error) told();
                    }));
}

void WorkerStack::told() {
  std::uint64_t count = 0;
  if (::read(event_.native_handle(), &count, sizeof count) <= 0) return wait_for_worker();
  asked_ = false;
  auto frames = runtime::stack_dump::parse(text());
  if (torn(frames, link_) && !waiting_.empty() && ++attempts_ < kMostAttempts) return ask();
  attempts_ = 0;
  const Outcome outcome = frames ? Outcome(*std::move(frames)) : Outcome(kNoStack);
  while (covered_ > 0) answer_first(outcome);
  if (!waiting_.empty()) return ask();
  timer_.cancel();
}

std::string WorkerStack::text() const {
  struct stat state = {};
  ::fstat(file_.get(), &state);
  std::string text(static_cast<std::size_t>(state.st_size), '\0');
  const ssize_t size = ::pread(file_.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

void WorkerStack::wait_for_deadline() {
  timer_.expires_at(waiting_.front().deadline);
  timer_.async_wait(asio::bind_executor(strand_, [this](const boost::system::error_code& error) {
    if (error) return;
    while (!waiting_.empty() && waiting_.front().deadline <= Clock::now()) answer_first(kTooLate);
    if (!waiting_.empty()) wait_for_deadline();
  }));
}

void WorkerStack::answer_first(const Outcome& outcome) {
  if (covered_ > 0) --covered_;
  const Taken taken = std::move(waiting_.front().taken);
  waiting_.pop_front();
  taken(outcome);
}

}  // namespace replwire::server
