// The processes behind the session's end of the link.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "server/survive/server/remote_link.h"
#include "server/survive/wire/sending.h"

namespace replwire::server::survive {
namespace {

// How often the system has killed a process because memory ran out, here or in our control group.
std::int64_t killed_for_memory() {
  std::int64_t sum = 0;
  for (const char* path : {"/proc/vmstat", "/sys/fs/cgroup/memory.events"}) {
    std::ifstream file(path);
    std::string name;
    for (std::int64_t count = 0; file >> name >> count;) {
      if (name == "oom_kill") sum += count;
    }
  }
  return sum;
}

// The file's text; the file is empty then.
std::string take_text(const Descriptor& file) {
  std::string text(65536, '\0');
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  [[maybe_unused]] const int cut = ::ftruncate(file.get(), 0);
  ::lseek(file.get(), 0, SEEK_SET);
  return text;
}

bool next_dead(siginfo_t& child) {
  return ::waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 && child.si_pid > 0;
}

// Known at once, also of a sleeper that has not been reaped. (A signal may end the look at it.)
bool lives(const Descriptor& control) {
  pollfd state = {control.get(), 0, 0};
  return ::poll(&state, 1, 0) <= 0;
}

// Of a signal that the process has seen.
bool dies_speaking(int status) { return WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL; }

// To be told nothing is better than no answer.
runtime::InquiryReply nothing(const runtime::Inquiry& inquiry) {
  runtime::InquiryReply told = {inquiry.number, {}, "the interpreter died"};
  switch (inquiry.subject.index()) {
    case 1:
      told.answer = runtime::Inspection();
      break;
    case 2:
      told.answer = runtime::Completeness();
      break;
    case 3:
      told.answer = runtime::VariableList();
      break;
    default:
      break;
  }
  return told;
}

}  // namespace

void RemoteLink::wake(std::uint64_t snapshot) {
  asio::dispatch(strand_, [this, snapshot] {
    SocketPair link(SOCK_STREAM);
    SocketPair inquiries(SOCK_STREAM);
    started_ = false;
    {
      const std::lock_guard lock(mutex_);
      const auto found = sleepers_.find(snapshot);
      if (found != sleepers_.end()) {
        send_some(found->second.control.get(), "w",
                  {link.interpreter.get(), inquiries.interpreter.get()}, 0);
        // Somebody may have stopped it.
        if (found->second.pid > 0 && lives(found->second.control)) {
          ::kill(found->second.pid, SIGCONT);
        }
      }
    }
    adopt(std::move(link.server), std::move(inquiries.server));
    killed_for_memory_ = killed_for_memory();
  });
}

void RemoteLink::adopt(Descriptor link, Descriptor inquiries) {
  in_.clear();
  received_.clear();
  {
    const std::lock_guard lock(mutex_);
    earlier_children_.clear();
  }
  commands_.connect(Descriptor(::fcntl(link.get(), F_DUPFD_CLOEXEC, 3)));
  inquiries_.connect(std::move(inquiries));
  close_socket();
  socket_ = std::move(link);
  epoll_event event = {EPOLLIN, {}};
  ::epoll_ctl(incoming_.get(), EPOLL_CTL_ADD, socket_.get(), &event);
}

void RemoteLink::kill() {
  const pid_t pid = pid_;
  if (pid > 0) ::kill(pid, SIGKILL);
}

void RemoteLink::drop(std::uint64_t snapshot) {
  const std::lock_guard lock(mutex_);
  sleepers_.erase(snapshot);
}

pid_t RemoteLink::process_of(std::uint64_t snapshot) const {
  const std::lock_guard lock(mutex_);
  const auto found = sleepers_.find(snapshot);
  return found != sleepers_.end() && lives(found->second.control) ? found->second.pid : 0;
}

void RemoteLink::watch_children() {
  children_.async_wait(
      asio::bind_executor(strand_, [this](const boost::system::error_code& error, int) {
        if (error) return;
        reap();
        watch_children();
      }));
}

// Ours, and what descendants of theirs left behind. One that was restored meanwhile may be among
// them, so each is looked for before it is reaped: until then its number is nobody else's.
void RemoteLink::reap() {
  for (siginfo_t dead = {}; next_dead(dead); dead = {}) {
    read();  // who it was, and what it said last
    pid_t ours = dead.si_pid;
    if (!pid_.compare_exchange_strong(ours, 0)) ours = 0;  // before somebody else has its number
    int status = 0;
    ::waitpid(dead.si_pid, &status, WNOHANG);
    if (ours != 0) on_interpreter_exit(ours, status);
  }
}

void RemoteLink::on_interpreter_exit(pid_t pid, int status) {
  Death death = {pid, status, take_text(channels_.stack.crash), false, started_};
  death.out_of_memory = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
                        killed_for_memory() > killed_for_memory_;
  close_socket();
  outputs_->take_rest();
  const std::string said = outputs_->fatal_error();
  if (death.traceback.empty() && dies_speaking(status)) death.traceback = said;
  answer_for_the_dead();
  handlers_.died(death);
}

void RemoteLink::answer_for_the_dead() {
  std::map<std::uint64_t, runtime::Inquiry> unanswered;
  {
    const std::lock_guard lock(mutex_);
    questions_.clear();
    unanswered.swap(unanswered_);
  }
  for (const auto& [number, inquiry] : unanswered) handlers_.event(nothing(inquiry));
}

// What was asked when there was nobody to ask.
void RemoteLink::ask_again() {
  const std::lock_guard lock(mutex_);
  for (const auto& [number, inquiry] : unanswered_) inquiries_.add(packed(inquiry));
  inquiries_.flush();
}

}  // namespace replwire::server::survive
