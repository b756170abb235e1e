#include "server/serve/origins.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "server/serve/start_interpreter.h"
#include "server/survive/interpreter/sleeper.h"
#include "server/system/descriptors/private_range.h"

namespace replwire::server::survive {
namespace {

void forget_signal_handlers() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action = {};
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_IGN)
      std::signal(number, SIG_DFL);
  }
}

// What the client handed down stays: that is not closed on exec, and all of the server's is.
void close_own_but(const std::vector<int>& kept) {
  std::error_code error;
  std::vector<int> closed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int number = std::atoi(entry.path().filename().c_str());
    const int flags = ::fcntl(number, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) != 0 && std::ranges::count(kept, number) == 0)
      closed.push_back(number);
  }
  for (const int number : closed) ::close(number);
}

}  // namespace

Origins::Origins(Channels& channels, const BecomeInterpreter& become, const Sandbox& sandbox,
                 const Descriptor& error)
    : channels_(channels),
      become_(become),
      sandbox_(sandbox),
      error_(::fcntl(error.get(), F_DUPFD_CLOEXEC, PrivateRange::first_number())) {
  ::pthread_sigmask(SIG_SETMASK, nullptr, &signals_);
  ::getrlimit(RLIMIT_NOFILE, &descriptors_);
  ::prctl(PR_GET_NAME, name_.data());
}

Descriptor Origins::make() {
  auto control = SocketPair::open(SOCK_SEQPACKET);
  if (!control) return {};
  const pid_t pid = ::fork();
  if (pid == 0) {
    // With a copy of this end it would never see that the server is gone. close_own_but() closes
    // nothing when no number is free.
    control->server = {};
    sleep(std::move(control->interpreter));
  }
  return pid > 0 ? std::move(control->server) : Descriptor();
}

void Origins::sleep(Descriptor control) {
  if (const std::string failure = sandbox_.enforce_within(); !failure.empty()) {
    ::dprintf(error_.get(), "replwire: %s\n", failure.c_str());
    ::_exit(kWrongUsage);
  }
  ::setrlimit(RLIMIT_NOFILE, &descriptors_);  // see Branches
  std::vector<int> kept = channels_.numbers();
  kept.push_back(control.get());
  kept.push_back(error_.get());
  close_own_but(kept);
  forget_signal_handlers();
  ::pthread_sigmask(SIG_SETMASK, &signals_, nullptr);
  ::prctl(PR_SET_NAME, name_.data());
  sleep_until_woken(std::move(control), channels_);
  become_(channels_, std::move(error_));
  ::_exit(kWrongUsage);
}

}  // namespace replwire::server::survive
