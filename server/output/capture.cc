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

std::vector<std::string> Capture::names() const {
  return names([](int) { return true; });
}

std::vector<std::string> Capture::of_others() {
  pipes_.give_up_ends();
  return names([](int read_end) {
    pollfd end = {read_end, 0, 0};
    return ::poll(&end, 1, 0) <= 0 || (end.revents & POLLHUP) == 0;
  });
}

std::vector<std::string> Capture::names(bool (*counts)(int read_end)) const {
  std::vector<std::string> names;
  const auto add = [&names, counts](const CapturePipes& pipes) {
    for (const auto& pipe : pipes.pipes()) {
      if (!counts(pipe.read_end.get())) continue;
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
  if (!has_room()) return;
  auto before = pipes_.copy_to_read();
  const auto made = before ? pipes_.make_successors() : std::nullopt;
  if (made) change(std::move(owner), *std::move(before), *made);
}

// Without a copy to read, whoever writes into the old ones would be killed.
void Capture::set_apart(runtime::ExecutionRef owner, const CapturePipes& successors) {
  auto before = pipes_.copy_to_read();
  if (before) change(std::move(owner), *std::move(before), successors);
}

// Nothing waits for a number while it changes hands.
void Capture::change(runtime::ExecutionRef owner, CapturePipes before,
                     const CapturePipes& successors) {
  release(watches_);
  pipes_.become(successors);
  watches_ = watch(pipes_);
  Watches watches = watch(before);
  apart_.push_back({std::move(owner), std::move(before), std::move(watches)});
}

}  // namespace replwire::server
