#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "runtime/link.h"
#include "server/output/capture_pipes.h"
#include "server/system/asio.h"

namespace replwire::server {

// Has the io_context say when there is something in the capture pipes: in those that stand for
// descriptors 1 and 2 now, and in older ones that processes of earlier executions still write into.
// Reading them is the owner's business (Outputs), under its lock, as are all calls.
class Capture {
 public:
  // How many executions' processes are told apart; those beyond share the pipes of the newest.
  static constexpr std::size_t kMostApart = 8;

  Capture(asio::io_context& io, CapturePipes& pipes);
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() { release(watches_); }

  // Calls `readable` on the io_context, once, when there is something to read.
  void wait(const std::function<void()>& readable);

  CapturePipes& pipes() { return pipes_; }
  // As /proc names them, those of older executions too.
  std::vector<std::string> names() const;
  // Those that another process can write into. This one gives its own ends up for that.
  std::vector<std::string> of_others();

  // What comes by the pipes there are belongs to `owner` from here on, until all who have them are
  // gone; new ones take their place, or those that another process has made.
  void set_apart(runtime::ExecutionRef owner);
  void set_apart(runtime::ExecutionRef owner, const CapturePipes& successors);
  bool has_room() const { return apart_.size() < kMostApart; }
  // Calls `take(owner, stream, bytes)` with what older pipes have brought.
  template <class Take>
  void read_apart(Take take);

 private:
  struct Watch {
    Watch(asio::io_context& io, int read_end) : descriptor(io, read_end) {}
    asio::posix::stream_descriptor descriptor;
    std::atomic<bool> waits{false};
  };
  using Watches = std::array<std::shared_ptr<Watch>, 2>;
  struct Apart {
    runtime::ExecutionRef owner;
    CapturePipes pipes;
    Watches watches;
  };

  std::vector<std::string> names(bool (*counts)(int read_end)) const;
  void change(runtime::ExecutionRef owner, CapturePipes before, const CapturePipes& successors);
  Watches watch(const CapturePipes& pipes) const;
  static void wait(const Watches& watches, const std::function<void()>& readable);
  static void release(const Watches& watches);

  asio::io_context& io_;
  CapturePipes& pipes_;
  Watches watches_;
  std::list<Apart> apart_;
};

template <class Take>
void Capture::read_apart(Take take) {
  for (auto each = apart_.begin(); each != apart_.end();) {
    const bool open = each->pipes.read(
        [&](runtime::Stream stream, std::string_view bytes) { take(each->owner, stream, bytes); });
    if (!open) release(each->watches);
    each = open ? std::next(each) : apart_.erase(each);
  }
}

}  // namespace replwire::server
