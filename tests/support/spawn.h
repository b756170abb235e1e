#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/fd.h"

namespace replwire_tests {

using Clock = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;

// Long enough for a loaded machine under a sanitizer: only a failing test waits so long.
inline constexpr Millis kPatience{20'000};

// How the program is started.
struct Launch {
  std::vector<std::string> args{};
  std::map<std::string, std::string>
      env{};  // on top of what the test itself has: no PYTHON…, no language
  std::string cwd{};
  std::vector<int> ignored_signals{};
  std::string stdin_path{};  // a file in place of the pipe
  bool await_ready = true;
};

// For `ServerProcess server(options({"--queue-limit", "2"}));`
inline Launch options(std::vector<std::string> args) { return {.args = std::move(args)}; }

// The program under test: $REPLWIRE_PROGRAM, or the one that was built with the tests.
std::string program_path();

// $REPLWIRE_ARGS, such as `--python python3.12`, come before the arguments of every start: so the
// whole suite runs against the session in another Python.

// Starts the program with the given descriptors as 0, 1 and 2 and no others. It is killed when
// the test dies.
pid_t spawn(const Launch& launch, int in, int out, int err);

// Waits for the process's end: its exit status, or minus the signal that killed it.
int reap(pid_t pid);

// Becomes readable when the process ends.
Fd open_pidfd(pid_t pid);

// Waits until the descriptor has one of the events or the deadline has passed; false if it has.
bool wait_for(int fd, short events, Clock::time_point deadline);

// An anonymous file to which a process may write any amount without ever being blocked.
Fd make_capture_file();
std::string read_capture(const Fd& file);

}  // namespace replwire_tests
