#include "server/survive/server/sleepers.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
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

Sleepers::Sleepers(Descriptor origin, std::function<Descriptor()> make_origin, bool of_other)
    : of_other_(of_other), make_origin_(std::move(make_origin)) {
  all_.emplace(kOrigin,
               Sleeper{std::make_shared<const Descriptor>(std::move(origin)), 0, of_other_});
}

void Sleepers::add(std::uint64_t number, Descriptor control, pid_t pid) {
  const std::lock_guard lock(mutex_);
  all_.insert_or_assign(number,
                        Sleeper{std::make_shared<const Descriptor>(std::move(control)), pid});
}

Sleepers::Lent Sleepers::lend(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(number);
  if (found == all_.end()) return {};
  std::erase_if(lent_, [](const auto& each) { return each.first.expired(); });
  lent_.emplace_back(found->second.control, found->second.pid);
  return {found->second.control, found->second.pid};
}

void Sleepers::borrow(std::uint64_t number, Lent lent) {
  const std::lock_guard lock(mutex_);
  if (lent.control) all_.insert_or_assign(number, Sleeper{std::move(lent.control), lent.pid, true});
}

void Sleepers::drop(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  all_.erase(number);
}

std::vector<pid_t> Sleepers::clear() {
  const std::lock_guard lock(mutex_);
  std::vector<pid_t> ending = {keeper_pid_};
  for (const auto& [number, sleeper] : all_) {
    if (sleeper.control.use_count() == 1) ending.push_back(sleeper.pid);
  }
  std::erase_if(all_, [](const auto& each) { return each.second.control.use_count() == 1; });
  keeper_ = {};
  keeper_pid_ = 0;
  std::erase(ending, 0);
  return ending;
}

pid_t Sleepers::process_of(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(number);
  return found != all_.end() && lives(*found->second.control) ? found->second.pid : 0;
}

void Sleepers::wake(std::uint64_t number, const Descriptor& link, const Descriptor& inquiries,
                    const Channels& channels) {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(number);
  if (found == all_.end()) return;
  const int control = found->second.control->get();
  if (found->second.of_other) {
    std::vector<int> all = channels.numbers();
    all.erase(all.begin());  // the server's process
    all[kLinkOfAnother] = link.get();
    all[kLinkOfAnother + 1] = inquiries.get();
    send_some(control, kForAnother, all, 0);
  } else {
    std::vector<int> own = {link.get(), inquiries.get()};
    const auto pipes = channels.capture.ends();
    own.insert(own.end(), pipes.begin(), pipes.end());
    if (keeper_) own.push_back(keeper_.get());
    send_some(control, kForThisSession, own, 0);
  }
  go_on(found->second);
}

// Somebody may have stopped it. The number is its own if it lives after the process of that number
// has been opened.
void Sleepers::go_on(const Sleeper& sleeper) {
  const Descriptor process = open_process(sleeper.pid);
  if (process && lives(*sleeper.control)) send_signal(process, SIGCONT);
}

void Sleepers::renew_origin() {
  const std::lock_guard lock(mutex_);
  Sleeper& origin = all_[kOrigin];
  if (origin.control && *origin.control && lives(*origin.control)) return;
  if (Descriptor control = make_origin_())
    origin = Sleeper{std::make_shared<const Descriptor>(std::move(control)), 0, of_other_};
}

// Not for long: somebody may have stopped one.
void Sleepers::let_go_of_locked() const {
  std::vector<std::shared_ptr<const Descriptor>> told;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, sleeper] : all_) {
      if (sleeper.of_other || !sleeper.control) continue;
      if (send_some(sleeper.control->get(), kLockTaken, {}, MSG_DONTWAIT) > 0)
        told.push_back(sleeper.control);
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  for (const auto& control : told) {
    const auto left = deadline - std::chrono::steady_clock::now();
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
    pollfd state = {control->get(), POLLIN, 0};
    ::poll(&state, 1, static_cast<int>(std::max<std::int64_t>(time, 0)));
    char answer = 0;
    ::recv(control->get(), &answer, 1, MSG_DONTWAIT);
  }
}

void Sleepers::set_keeper(Descriptor control, pid_t pid) {
  const std::lock_guard lock(mutex_);
  keeper_ = std::move(control);
  keeper_pid_ = pid;
}

std::vector<pid_t> Sleepers::processes() const {
  const std::lock_guard lock(mutex_);
  std::vector<pid_t> processes = {keeper_pid_};
  for (const auto& [number, sleeper] : all_) {
    if (lives(*sleeper.control)) processes.push_back(sleeper.pid);
  }
  for (const auto& [lent, pid] : lent_) {
    const auto control = lent.lock();
    if (control && lives(*control) && std::ranges::count(processes, pid) == 0)
      processes.push_back(pid);
  }
  std::erase(processes, 0);
  return processes;
}

}  // namespace replwire::server::survive
