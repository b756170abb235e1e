#include "server/output/capture.h"

#include <poll.h>
#include <sys/stat.h>

#include <utility>

namespace replwire::server {

Capture::Capture(asio::io_context& io, CapturePipes& pipes)
    : io_(io), pipes_(pipes), watches_(watch(pipes)) {}

Capture::Watches Capture::watch(const CapturePipes& pipes) const {
  return {std::make_shared<Watch>(io_, pipes.pipes()[0].read_end.get()),
          std::make_shared<Watch>(io_, pipes.pipes()[1].read_end.get())};
}

void Capture::wait(const std::function<void()>& readable) {
  wait(watches_, readable);
  for (const Apart& each : apart_) wait(each.watches, readable);
}

void Capture::wait(const Watches& watches, const std::function<void()>& readable) {
  for (const auto& each : watches) {
    if (each->waits.exchange(true)) continue;
    each->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                [each, readable](const boost::system::error_code& error) {
                                  each->waits = false;
                                  if (!error) readable();
                                });
  }
}

// The descriptors are the pipes' own. A wait under way ends.
void Capture::release(const Watches& watches) {
  for (const auto& each : watches) each->descriptor.release();
}

std::vector<std::string> Capture::of_others() {
  pipes_.give_up_ends();
  std::vector<std::string> names;
  const auto add = [&names](const CapturePipes& pipes) {
    for (const auto& pipe : pipes.pipes()) {
      pollfd end = {pipe.read_end.get(), 0, 0};
      if (::poll(&end, 1, 0) > 0 && (end.revents & POLLHUP) != 0) continue;  // nobody has it
      struct stat state = {};
      ::fstat(pipe.read_end.get(), &state);
      names.push_back("pipe:[" + std::to_string(state.st_ino) + "]");
    }
  };
  add(pipes_);
  for (const Apart& each : apart_) add(each.pipes);
  return names;
}

void Capture::set_apart(runtime::ExecutionRef owner) {
  if (apart_.size() >= kMostApart) return;
  auto before = pipes_.set_apart();
  if (!before) return;
  apart_.push_back({std::move(owner), *std::move(before), std::exchange(watches_, watch(pipes_))});
}

}  // namespace replwire::server
