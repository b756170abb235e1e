// The processes behind the session's end of the link.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "server/link/no_answer.h"
#include "server/survive/server/remote_link.h"
#include "server/system/process/process.h"

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

// Of a signal that the process has seen.
bool dies_speaking(int status) { return WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL; }

}  // namespace

void RemoteLink::wake(std::uint64_t snapshot) {
  asio::dispatch(strand_, [this, snapshot] {
    auto link = SocketPair::open(SOCK_STREAM);
    auto inquiries = SocketPair::open(SOCK_STREAM);
    started_ = false;
    if (snapshot == Sleepers::kOrigin) sleepers_.renew_origin();
    Descriptor commands =
        link ? Descriptor(::fcntl(link->server.get(), F_DUPFD_CLOEXEC, 3)) : Descriptor();
    if (!commands || !inquiries) return end_unheard();
    sleepers_.wake(snapshot, link->interpreter, inquiries->interpreter, channels_);
    adopt(std::move(link->server), std::move(commands), std::move(inquiries->server));
    killed_for_memory_ = killed_for_memory();
  });
}

void RemoteLink::adopt(Descriptor link, Descriptor commands, Descriptor inquiries) {
  in_ = {};
  {
    const std::lock_guard lock(mutex_);
    earlier_children_.clear();
  }
  commands_.connect(std::move(commands));
  inquiries_.connect(std::move(inquiries));
  close_socket();
  socket_ = std::move(link);
  epoll_event event = {EPOLLIN, {}};
  ::epoll_ctl(incoming_.get(), EPOLL_CTL_ADD, socket_.get(), &event);
}

// By its number where there was none left for a pidfd: nobody reaps it meanwhile.
void RemoteLink::kill() {
  const std::lock_guard lock(signalling_);
  if (interpreter_) {
    send_signal(interpreter_, SIGKILL);
  } else if (process() > 0) {
    ::kill(process(), SIGKILL);
  }
}

void RemoteLink::deliver() {
  commands_.flush();
  inquiries_.flush();
}

// One that was restored meanwhile may be the dead one: who it was, and all that it said last, is
// read first.
void RemoteLink::take_exit(pid_t dead, std::function<void(bool taken)> then) {
  asio::dispatch(strand_, [this, dead, then = std::move(then)] {
    while (read()) {
    }
    int status = 0;
    const bool ours = reap(dead, status);
    if (ours) on_interpreter_exit(dead, status);
    then(ours);
  });
}

// Whether it was the interpreter.
bool RemoteLink::reap(pid_t pid, int& status) {
  const std::lock_guard lock(signalling_);
  if (pid != process()) return false;
  control_.set_process(0);
  control_.forget_interrupt();
  interpreter_ = {};
  ::waitpid(pid, &status, WNOHANG);
  return true;
}

void RemoteLink::on_interpreter_exit(pid_t pid, int status) {
  Death death = {pid, status, take_text(channels_.stack.crash), false, started_};
  death.out_of_memory = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
                        killed_for_memory() > killed_for_memory_;
  close_socket();
  outputs_->take_rest();
  const std::string said = outputs_->fatal_error();
  if (death.traceback.empty() && dies_speaking(status)) death.traceback = said;
  for (const auto& [number, inquiry] : questions_.clear()) {
    handlers_.event(no_answer(inquiry, "the interpreter died"));
  }
  handlers_.died(death);
}

}  // namespace replwire::server::survive
