#include "server/session/recovery/interpreter_processes.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <system_error>

#include "server/system/process/process_facts.h"

namespace replwire::server {
namespace {

constexpr const char* kOwnThreads = "inquiries reader asker ";

// Of this process, that could have children at all: one system call.
bool may_have_children(pid_t process) { return process != ::getpid() || has_children(); }

}  // namespace

Descendants InterpreterProcesses::started_since(Clock::time_point start,
                                                const std::vector<pid_t>& except) const {
  std::vector<pid_t> others = except;
  const auto earlier = link_.earlier_children();
  others.insert(others.end(), earlier.begin(), earlier.end());
  return Descendants::started_since(link_.process(), start, others);
}

// The worker first: code that waits for a child must not see it gone and go on. The descendants
// right behind it, found before, since Python's subprocess looks for its child's end at once and
// then a millisecond later; a parent that dies takes away the trace of its own children as well.
void InterpreterProcesses::interrupt_all(std::uint64_t serial, Clock::time_point start) {
  if (!hunting() && !may_have_children(link_.process())) return link_.interrupt(serial);
  hunt([this, serial, start] {
    const Descendants found = started_since(start, {});
    link_.interrupt(serial, found.newest_child());
    found.signal(SIGINT);
    started_since(start, found.pids()).signal(SIGINT);  // what was started in between
  });
}

void InterpreterProcesses::terminate_descendants(Clock::time_point start) {
  hunt([this, start] { started_since(start, {}).signal(SIGTERM); });
}

void InterpreterProcesses::kill_descendants(Clock::time_point start) const {
  started_since(start, {}).signal(SIGKILL);
}

void InterpreterProcesses::hunt(const std::function<void()>& job) {
  ++hunts_;
  try {
    hunter_.post([this, job] {
      job();
      --hunts_;
      hunted_();
    });
  } catch (const std::system_error&) {  // no thread is to be had: here, then
    job();
    --hunts_;
  }
}

std::int64_t InterpreterProcesses::memory_of(std::uint64_t number) const {
  return proportional_bytes(link_.process_of(number));
}

bool InterpreterProcesses::stands_still() {
  return standstill_.persists(link_.process(), kOwnThreads);
}

void InterpreterProcesses::kill_orphans(Clock::time_point start) const {
  const auto is_own = [this](pid_t pid) { return link_.is_interpreter(pid); };
  std::vector<pid_t> own = link_.sleepers();
  const auto is_known = [&](pid_t pid) { return std::ranges::count(own, pid) > 0 || is_own(pid); };
  if (std::ranges::all_of(children_of(::getpid()), is_known)) return;
  const auto earlier = link_.earlier_children();
  own.insert(own.end(), earlier.begin(), earlier.end());
  Descendants::started_since(::getpid(), start, own, [&](pid_t pid) {
    return is_own(pid) || of_others_(pid);
  }).signal(SIGKILL);
}

bool InterpreterProcesses::any_left() const {
  std::vector<pid_t> own = link_.sleepers();
  own.push_back(link_.process());
  const Descendants all = Descendants::find(::getpid());
  return std::ranges::any_of(all.pids(),
                             [&own](pid_t pid) { return !std::ranges::count(own, pid); });
}

std::vector<pid_t> InterpreterProcesses::end_all(Spared spared,
                                                 const std::vector<std::string>& files) const {
  std::vector<pid_t> own = link_.sleepers();
  for (const pid_t child : children_of(::getpid())) {
    if (link_.is_interpreter(child)) own.push_back(child);  // of another session
  }
  link_.drop(0);
  own.push_back(link_.process());
  std::erase(own, ::getpid());
  std::erase(own, 0);
  return end_descendants(own, spared, files);
}

// A snapshot that another session has as well writes to the same files, and stays.
std::vector<pid_t> InterpreterProcesses::end_branch(
    std::optional<Spared> spared, const std::function<std::vector<std::string>()>& files) {
  hunter_.end();
  const pid_t interpreter = link_.process();
  std::vector<pid_t> own = link_.give_up_sleepers();
  if (interpreter > 0) own.push_back(interpreter);
  return end_tree(interpreter, own, spared, files,
                  [this](pid_t pid) { return link_.is_interpreter(pid); });
}

}  // namespace replwire::server
