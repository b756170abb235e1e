#include "server/session/recovery/interpreter_processes.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "server/system/process/process_facts.h"

namespace replwire::server {
namespace {

constexpr const char* kOwnThreads = "inquiries reader asker ";

}  // namespace

Descendants InterpreterProcesses::started_since(Clock::time_point start,
                                                const std::vector<pid_t>& except) const {
  std::vector<pid_t> others = except;
  const auto earlier = link_.earlier_children();
  others.insert(others.end(), earlier.begin(), earlier.end());
  return Descendants::started_since(link_.process(), start, others);
}

std::int64_t InterpreterProcesses::memory_of(std::uint64_t number) const {
  return proportional_bytes(link_.process_of(number));
}

bool InterpreterProcesses::stands_still() {
  return standstill_.persists(link_.process(), kOwnThreads);
}

void InterpreterProcesses::kill_orphans(Clock::time_point start) const {
  std::vector<pid_t> own = link_.sleepers();
  const auto is_own = [&own](pid_t pid) { return std::ranges::count(own, pid) > 0; };
  if (std::ranges::all_of(children_of(::getpid()), is_own)) return;
  const auto earlier = link_.earlier_children();
  own.insert(own.end(), earlier.begin(), earlier.end());
  Descendants::started_since(::getpid(), start, own).signal(SIGKILL);
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
  link_.drop(0);
  own.push_back(link_.process());
  std::erase(own, ::getpid());
  std::erase(own, 0);
  return end_descendants(own, spared, files);
}

}  // namespace replwire::server
