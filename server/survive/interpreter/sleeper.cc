#include "server/survive/interpreter/sleeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "runtime/os/detached_fork.h"
#include "server/survive/interpreter/transmit.h"
#include "server/survive/wire/sending.h"

namespace replwire::server::survive {
namespace {

std::string score_file(const std::string& process) { return "/proc/" + process + "/oom_score_adj"; }

int score_of(pid_t process) {
  const std::string path = score_file(std::to_string(process));
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 16> text = {};
  int value = 0;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size > 0) std::from_chars(text.data(), text.data() + size, value);
  return value;
}

void set_score(int value) {
  const Descriptor file(::open(score_file("self").c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(value);
  [[maybe_unused]] const auto written = ::write(file.get(), text.data(), text.size());
}

// When memory runs out the system is to take what can be restored.
int interpreter_score(int server_score) { return std::min(server_score + 200, 1000); }

bool is_hung_up(const Descriptor& link) {
  pollfd state = {link.get(), 0, 0};
  return ::poll(&state, 1, 0) == 1;
}

// The process in between has to be gone: its death is not to be taken for the server's. (That one's
// number may still be known, of a process that nobody has waited for.)
void live_as_long_as(pid_t server, const Descriptor& link) {
  while (::getppid() != server) {
    if (is_hung_up(link)) ::_exit(0);
    ::sched_yield();
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != server) ::_exit(0);
}

// Under the same number, which forked children of user code's close; if user code has set itself a
// limit below that, under another.
void take_place(Descriptor& place, Descriptor socket) {
  if (::dup3(socket.get(), place.get(), O_CLOEXEC) < 0) place = std::move(socket);
}

// Until the server sends the sockets for a copy.
std::vector<Descriptor> await_call(const Descriptor& control) {
  for (;;) {
    std::string word;
    std::vector<Descriptor> sockets;
    const ssize_t size = receive_some(control.get(), word, sockets, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0 || sockets.size() < 2) ::_exit(0);
    return sockets;
  }
}

}  // namespace

runtime::Lost sleep_until_woken(Descriptor control, Channels& channels,
                                const LentDescriptors* lent) {
  const int server_score = score_of(channels.server);
  set_score(server_score);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  for (Descriptor* place : {&channels.link, &channels.inquiries}) {
    // The sockets of the process that this one is a copy of.
    take_place(*place, Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  }
  if (lent != nullptr && !lent->empty()) {
    lent->let_go();
    ::send(control.get(), "r", 1, MSG_NOSIGNAL);
  }
  std::vector<Descriptor> sockets;  // two, and the keeper's where there is one
  do {
    sockets.clear();  // those of the copy before
    sockets = await_call(control);
  } while (runtime::detached_copy() > 0);
  take_place(channels.link, std::move(sockets[0]));
  take_place(channels.inquiries, std::move(sockets[1]));
  sockets.resize(3);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  live_as_long_as(channels.server, channels.link);
  set_score(interpreter_score(server_score));
  transmit(channels, Hello{::getpid()});
  return lent != nullptr ? lent->take_back(sockets[2]) : runtime::Lost();
}

}  // namespace replwire::server::survive
