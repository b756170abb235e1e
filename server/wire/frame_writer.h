#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "server/system/asio.h"
#include "server/system/descriptor.h"

namespace replwire::server {

// The one owner of standard output. Whoever has whole frames writes them, on any thread, and never
// blocks: what the client's pipe does not take is kept, and the io_context sends it when there is
// room. How much may be kept is the callers' business (`pending`).
class FrameWriter {
 public:
  struct Events {
    std::function<void()> drained;  // less than `low_water` is pending again
    std::function<void()> gone;     // nobody reads any more
    std::function<void()> broken;   // on the writing thread: somebody closed our descriptor
  };

  // `output` is the client's end; takes it over. The events come on the io_context.
  FrameWriter(asio::io_context& io, Descriptor output, std::size_t low_water, Events events);
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  void write(std::string_view frames);

  // Waits until the client has taken everything, on the calling thread; gives up when it takes
  // nothing for `patience` milliseconds.
  void drain(int patience);

  // Whether nobody reads any more, or nobody does within `patience` milliseconds.
  bool reader_gone(int patience) const;

  // For last words, from a signal handler: ends a frame that is half written, sends what is
  // pending and keeps everybody else from writing, for good. `write_last` is for its caller alone.
  void seize();
  void write_last(std::string_view frames);

  // Somebody closed the server's descriptors: `broken`.
  void lose_descriptor() const { events_.broken(); }

  // Bytes that the client has not taken yet.
  std::size_t pending() const { return pending_size_; }

 private:
  std::size_t write_now(std::string_view bytes);
  ssize_t write_some(std::string_view bytes) const;
  short wait_for(short events, int patience) const;
  bool wait_until_writable(int patience) const;
  void wait_for_room();
  void send_pending();
  void watch_reader();
  void lose_reader();

  asio::io_context& io_;
  std::size_t low_water_;
  Events events_;
  Descriptor output_;
  std::optional<asio::posix::stream_descriptor> stream_;  // of a descriptor that can be waited for
  bool socket_ = false;
  bool blocking_ = false;  // could not be reopened: written in pieces that a pipe surely takes

  std::mutex mutex_;
  std::string_view in_flight_;  // of a frame being written: what the pipe has not taken yet
  std::string pending_;
  std::size_t sent_ = 0;  // of `pending_`
  bool gone_ = false;
  std::atomic<std::size_t> pending_size_{0};
};

}  // namespace replwire::server
