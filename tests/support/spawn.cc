#include "support/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace replwire_tests {
namespace {

std::vector<char*> argument_vector(std::string& program, std::vector<std::string>& args) {
  std::vector<char*> argv{program.data()};
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  return argv;
}

std::vector<std::string> words_of(const char* text) {
  std::istringstream stream(text != nullptr ? text : "");
  return {std::istream_iterator<std::string>(stream), {}};
}

void reset_signals(const std::vector<int>& ignored) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number : {SIGPIPE, SIGHUP, SIGINT, SIGTERM}) ::signal(number, SIG_DFL);
  for (int number : ignored) ::signal(number, SIG_IGN);
}

// Not what happens to be set where the tests run.
void scrub_environment() {
  std::vector<std::string> names = {"COLUMNS", "LINES", "LANG", "LANGUAGE"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.starts_with("PYTHON") || text.starts_with("LC_"))
      names.emplace_back(text.substr(0, text.find('=')));
  }
  for (const std::string& name : names) ::unsetenv(name.c_str());
}

[[noreturn]] void become(const Launch& launch, int in, int out, int err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  reset_signals(launch.ignored_signals);
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  // Whoever runs the tests may leak descriptors into them; the server's children must not see any.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  scrub_environment();
  for (const auto& [name, value] : launch.env) ::setenv(name.c_str(), value.c_str(), 1);
  if (!launch.cwd.empty() && ::chdir(launch.cwd.c_str()) != 0) ::_exit(126);
  std::string program = program_path();
  std::vector<std::string> args = words_of(std::getenv("REPLWIRE_ARGS"));
  args.insert(args.end(), launch.args.begin(), launch.args.end());
  ::execv(program.c_str(), argument_vector(program, args).data());
  ::_exit(127);
}

}  // namespace

std::string program_path() {
  const char* named = std::getenv("REPLWIRE_PROGRAM");
  return named ? named : REPLWIRE_PROGRAM;
}

pid_t spawn(const Launch& launch, int in, int out, int err) {
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid == 0) become(launch, in, out, err);
  return pid;
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw std::runtime_error("waitpid failed");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Not glibc's own: Debian 12's <sys/pidfd.h> lacks extern "C".
Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

bool wait_for(int fd, short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<Millis>(deadline - Clock::now());
    pollfd entry{fd, events, 0};
    const int found = ::poll(&entry, 1, static_cast<int>(std::max<Millis::rep>(left.count(), 0)));
    if (found > 0) return true;
    if (found == 0) return false;
    if (errno != EINTR) throw std::runtime_error("poll failed");
  }
}

Fd make_capture_file() {
  Fd file(::memfd_create("capture", MFD_CLOEXEC));
  // Several processes write here: none may overwrite what another wrote.
  ::fcntl(file.get(), F_SETFL, O_APPEND);
  return file;
}

std::string read_capture(const Fd& file) {
  std::string text;
  char chunk[65536];
  ssize_t got;
  while ((got = ::pread(file.get(), chunk, sizeof chunk, static_cast<off_t>(text.size()))) > 0) {
    text.append(chunk, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace replwire_tests
