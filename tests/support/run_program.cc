#include "support/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <stdexcept>

namespace replwire_tests {
namespace {

// A shared file offset would make the program start reading where this process stopped writing.
Fd reopen(const Fd& file) {
  return Fd(::open(("/proc/self/fd/" + std::to_string(file.get())).c_str(), O_RDONLY | O_CLOEXEC));
}

Fd file_with(std::string_view text) {
  Fd file = make_capture_file();
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written <= 0) throw std::runtime_error("cannot write the program's input");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return reopen(file);
}

}  // namespace

ProgramRun run_program(const Launch& launch, std::string_view input) {
  const Fd in = file_with(input);
  const Fd out = make_capture_file();
  const Fd err = make_capture_file();
  const pid_t pid = spawn(launch, in.get(), out.get(), err.get());
  const Fd ended = open_pidfd(pid);
  const bool in_time = wait_for(ended.get(), POLLIN, Clock::now() + kPatience);
  if (!in_time) ::kill(pid, SIGKILL);
  ProgramRun run{.status = reap(pid), .out = read_capture(out), .err = read_capture(err)};
  if (!in_time) {
    throw std::runtime_error("the program did not end\nstdout: " + run.out +
                             "\nstderr: " + run.err);
  }
  return run;
}

}  // namespace replwire_tests
