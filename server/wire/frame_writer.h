#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "server/system/asio.h"
#include "server/system/descriptors/descriptor.h"
#include "server/wire/frame_kinds.h"
#include "server/wire/recording.h"

namespace replwire::server {

// The one owner of standard output. Whoever has whole frames writes them, on any thread, and never
// blocks: what the client's pipe does not take is kept, and the io_context sends it when there is
// room. How much may be kept is the callers' business (`pending`, `waiting_replies`).
//
// What is kept goes out in order, with one exception: a reply does not stand behind megabytes of
// output that a slow client has yet to read. It overtakes `output` frames, and nothing else.
class FrameWriter {
 public:
  struct Events {
    std::function<void()> drained;          // no more than `low_water` is pending again
    std::function<void()> gone;             // nobody reads any more
    std::function<void()> broken;           // on the writing thread: somebody closed our descriptor
    std::function<void(int error)> failed;  // on the writing thread: it takes no more (a full disk)
  };

  // `output` is the client's end; takes it over. `drained` and `gone` come on the io_context.
  FrameWriter(asio::io_context& io, Descriptor output, std::size_t low_water, Events events);
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  // Before anything is written. The recording has all frames in the order in which they came here.
  void record_to(Recording& recording) { recording_ = &recording; }

  void write(std::string_view frames, FrameKind kind = FrameKind::kOrdered);

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

  // Bytes that the client has not taken yet; and those of replies among them.
  std::size_t pending() const { return pending_size_; }
  std::size_t waiting_replies() const { return waiting_replies_; }

 private:
  struct Reply {
    std::uint64_t behind;  // the place in the stream of `pending_` that it must not come before
    std::string frames;
  };

  void send_last(std::string_view frames);
  bool nothing_waits() const { return sent_ == pending_.size() && replies_.empty(); }
  void keep(std::string_view frames, std::size_t written, FrameKind kind);
  void send();
  bool send_reply();
  bool send_ordered();
  std::size_t next_stop() const;
  bool between_frames() const;
  void drop_sent();
  void count();
  std::size_t write_directly(std::string_view frames);
  bool write_now(std::string_view bytes, std::size_t& sent);
  ssize_t write_some(std::string_view bytes) const;
  short wait_for(short events, int patience) const;
  bool wait_until_writable(int patience) const;
  void wait_for_room();
  void send_pending();
  void watch_reader();
  void give_up(int error);
  void lose_reader();

  asio::io_context& io_;
  std::size_t low_water_;
  Events events_;
  Descriptor output_;
  std::optional<asio::posix::stream_descriptor> stream_;  // of a descriptor that can be waited for
  bool regular_ = false;
  bool socket_ = false;
  bool blocking_ = false;  // could not be reopened: written in pieces that a pipe surely takes

  Recording* recording_ = nullptr;  // of those who record

  std::mutex mutex_;
  std::string_view direct_;  // frames being written that are kept nowhere
  std::size_t direct_sent_ = 0;
  std::string pending_;        // all but the replies, in order
  std::size_t sent_ = 0;       // of `pending_`
  std::uint64_t before_ = 0;   // bytes that stood in front of `pending_`, ever
  std::uint64_t ordered_ = 0;  // the end of the last frame that no reply overtakes
  std::deque<Reply> replies_;
  std::size_t reply_sent_ = 0;  // of the first of them
  bool gone_ = false;
  std::atomic<std::size_t> pending_size_{0};
  std::atomic<std::size_t> waiting_replies_{0};
};

}  // namespace replwire::server
