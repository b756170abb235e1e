#include "server/survive/server/reaper.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "server/survive/server/remote_link.h"

namespace replwire::server::survive {

Reaper::Reaper(asio::io_context& io) : io_(io), children_(io, SIGCHLD) { watch(); }

void Reaper::add(RemoteLink& link) {
  const std::lock_guard lock(mutex_);
  links_.push_back(&link);
}

void Reaper::remove(RemoteLink& link) {
  const std::lock_guard lock(mutex_);
  std::erase(links_, &link);
}

void Reaper::watch() {
  children_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    if (!busy_) look();
    watch();
  });
}

// Ours, and what descendants of theirs left behind.
void Reaper::look() {
  siginfo_t dead = {};
  busy_ = ::waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 && dead.si_pid > 0;
  if (busy_) ask(dead.si_pid, {});
}

void Reaper::ask(pid_t dead, std::vector<RemoteLink*> said_no) {
  RemoteLink* const link = next_to_ask(dead, said_no);
  if (link == nullptr) {
    ::waitpid(dead, nullptr, WNOHANG);
    return asio::post(io_, [this] { look(); });
  }
  said_no.push_back(link);
  link->take_exit(dead, [this, dead, said_no = std::move(said_no)](bool taken) {
    asio::post(io_, [this, dead, taken, said_no] { taken ? look() : ask(dead, said_no); });
  });
}

RemoteLink* Reaper::next_to_ask(pid_t dead, const std::vector<RemoteLink*>& said_no) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(links_, [&](const RemoteLink* link) {
    return link->may_own(dead) && !std::ranges::count(said_no, link);
  });
  return found == links_.end() ? nullptr : *found;
}

}  // namespace replwire::server::survive
