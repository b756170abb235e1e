#include "server/survive/server/copies.h"

#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "server/survive/wire/messages.h"
#include "server/survive/wire/packing.h"
#include "server/system/process/process.h"

namespace replwire::server::survive {

void Copies::add(std::uint64_t serial, Descriptor socket, pid_t pid) {
  auto copy = std::make_unique<Copy>(
      Copy{asio::posix::stream_descriptor(strand_, socket.release()), open_process(pid), pid});
  {
    const std::lock_guard lock(mutex_);
    all_.insert_or_assign(serial, std::move(copy));
  }
  watch(serial);
}

void Copies::clear() {
  const std::lock_guard lock(mutex_);
  all_.clear();
}

void Copies::kill(std::uint64_t serial) {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(serial);
  if (found != all_.end()) send_signal(found->second->process, SIGKILL);
}

std::vector<pid_t> Copies::processes() const {
  const std::lock_guard lock(mutex_);
  std::vector<pid_t> processes;
  for (const auto& [serial, copy] : all_) processes.push_back(copy->pid);
  std::erase(processes, 0);
  return processes;
}

std::vector<pid_t> Copies::give_up() {
  const std::lock_guard lock(mutex_);
  std::vector<pid_t> given;
  for (const auto& [serial, copy] : all_) given.push_back(std::exchange(copy->pid, 0));
  std::erase(given, 0);
  return given;
}

void Copies::watch(std::uint64_t serial) {
  Copy& copy = *all_.at(serial);
  copy.socket.async_wait(
      asio::posix::stream_descriptor::wait_read,
      asio::bind_executor(strand_, [this, serial](const boost::system::error_code& error) {
        const auto found = all_.find(serial);
        if (error || found == all_.end()) return;
        if (read(serial, *found->second)) return watch(serial);
        const std::lock_guard lock(mutex_);
        all_.erase(serial);
      }));
}

// False at its end, which has been told.
bool Copies::read(std::uint64_t serial, Copy& copy) {
  const ssize_t size = copy.in.receive(copy.socket.native_handle(), MSG_DONTWAIT);
  if (size < 0) return errno == EINTR || errno == EAGAIN;
  while (size > 0) {
    auto received = copy.in.take();
    if (!received) return true;
    auto message = unpacked<Message>(received->body);
    auto* event = message ? std::get_if<runtime::Event>(&*message) : nullptr;
    if (event == nullptr) continue;
    copy.done = copy.done || std::holds_alternative<runtime::CopyDone>(*event);
    tell_(std::move(*event));
  }
  if (copy.done) return false;
  runtime::Report report;
  report.message = "the copy of the interpreter that was at work on it died";
  tell_(runtime::CopyDone{serial, runtime::Raised{std::move(report)}});
  return false;
}

}  // namespace replwire::server::survive
