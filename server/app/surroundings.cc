#include "server/app/surroundings.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace replwire::server {
namespace {

constexpr std::array kHandedOn = {SIGINT, SIGTERM, SIGHUP};

// Global, since a signal handler is given nothing.
volatile pid_t session = 0;

// What a key at the terminal sends, the session has got as well.
void hand_on(int signal, siginfo_t* info, void* /*context*/) {
  if (info->si_code == SI_KERNEL) return;
  const int error = errno;
  ::kill(session, signal);
  errno = error;
}

[[noreturn]] void stand_by() {
  for (int fd = 0; fd < 3; ++fd) ::close(fd);  // their ends are the session's to see
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == session) ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    if (ended < 0 && errno == ECHILD) ::_exit(0);
  }
}

}  // namespace

void settle_surroundings() {
  int fd = 0;
  while ((fd = ::open("/dev/null", O_RDWR)) >= 0 && fd < 3) {
  }
  if (fd > 2) ::close(fd);
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

void leave_process_one() {
  if (::getpid() != 1) return;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  session = ::fork();
  if (session > 0) {
    struct sigaction action = {};
    action.sa_sigaction = hand_on;
    action.sa_flags = SA_SIGINFO;
    for (const int signal : kHandedOn) ::sigaction(signal, &action, nullptr);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (session > 0) stand_by();
}

}  // namespace replwire::server
