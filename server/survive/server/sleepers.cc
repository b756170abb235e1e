#include "server/survive/server/sleepers.h"

#include <poll.h>

#include <csignal>
#include <utility>

#include "server/survive/wire/sending.h"
#include "server/system/process/process.h"

namespace replwire::server::survive {
namespace {

// Known at once, also of one that has not been reaped. (A signal may end the look at it.)
bool lives(const Descriptor& control) {
  pollfd state = {control.get(), 0, 0};
  return ::poll(&state, 1, 0) <= 0;
}

}  // namespace

Sleepers::Sleepers(Descriptor origin, std::function<Descriptor()> make_origin)
    : make_origin_(std::move(make_origin)) {
  all_.emplace(kOrigin, Sleeper{std::move(origin), 0});
}

void Sleepers::add(std::uint64_t number, Descriptor control, pid_t pid) {
  const std::lock_guard lock(mutex_);
  all_.insert_or_assign(number, Sleeper{std::move(control), pid});
}

void Sleepers::drop(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  all_.erase(number);
}

pid_t Sleepers::process_of(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(number);
  return found != all_.end() && lives(found->second.control) ? found->second.pid : 0;
}

void Sleepers::wake(std::uint64_t number, const Descriptor& link, const Descriptor& inquiries) {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(number);
  if (found == all_.end()) return;
  const int control = found->second.control.get();
  if (const int keeper = keeper_.control.get(); keeper >= 0) {
    send_some(control, "w", {link.get(), inquiries.get(), keeper}, 0);
  } else {
    send_some(control, "w", {link.get(), inquiries.get()}, 0);
  }
  go_on(found->second);
}

// Somebody may have stopped it. The number is its own if it lives after the process of that number
// has been opened.
void Sleepers::go_on(const Sleeper& sleeper) {
  const Descriptor process = open_process(sleeper.pid);
  if (process && lives(sleeper.control)) send_signal(process, SIGCONT);
}

void Sleepers::renew_origin() {
  const std::lock_guard lock(mutex_);
  Sleeper& origin = all_[kOrigin];
  if (origin.control && lives(origin.control)) return;
  if (Descriptor control = make_origin_()) origin = Sleeper{std::move(control), 0};
}

void Sleepers::set_keeper(Descriptor control, pid_t pid) {
  const std::lock_guard lock(mutex_);
  keeper_ = {std::move(control), pid};
}

std::vector<pid_t> Sleepers::processes() const {
  const std::lock_guard lock(mutex_);
  std::vector<pid_t> processes = {keeper_.pid};
  for (const auto& [number, sleeper] : all_) {
    if (lives(sleeper.control)) processes.push_back(sleeper.pid);
  }
  std::erase(processes, 0);
  return processes;
}

}  // namespace replwire::server::survive
