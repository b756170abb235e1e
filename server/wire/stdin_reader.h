#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/codec.h"
#include "protocol/framing.h"
#include "server/system/asio.h"
#include "server/system/descriptors/descriptor.h"
#include "server/system/waker.h"
#include "server/wire/frame_writer.h"

namespace replwire::server {

// A frame as it came, or what was wrong with it.
struct Incoming {
  std::variant<protocol::Request, protocol::ProtocolError> frame;
  std::int64_t line;
  std::optional<std::string> session = {};  // that it is for; none: the first one
};

// The one reader of standard input: reads, takes lines apart, decodes, and hands over all that one
// read brought; nothing else in the process ever reads that descriptor. It is a handler of the
// io_context that returns at the end of input (with a link socket, never), and so takes up one of
// the threads that run it: what it dispatches to the io_context runs at once, on its own thread.
// Posting to another thread would cost a frame a hand-over (5 µs of 20).
//
// It reads no further while replies wait for a client that does not read, beyond a bound: they
// would fill the memory.
class StdinReader {
 public:
  // Bytes of replies that may wait for the client.
  static constexpr std::size_t kMostReplies = 1024 * 1024;

  struct Events {
    std::function<void(std::vector<Incoming>)> frames;
    std::function<void()> ended;
  };

  struct Accepted {
    std::size_t max_frame_bytes;
    bool survive;  // the requests that need it
    bool strict;   // no field that a request does not have
    Recording* recording = nullptr;
  };

  // What its thread sees to as well, for as long as the process lives: to cross to another thread
  // costs a result more than all the rest.
  struct LinkSocket {
    int descriptor;  // -1: nothing
    std::function<void()> readable;
  };

  // Held at first.
  StdinReader(asio::io_context& io, Descriptor input, Accepted accepted, const FrameWriter& writer,
              Events events, LinkSocket link_socket);
  StdinReader(const StdinReader&) = delete;
  StdinReader& operator=(const StdinReader&) = delete;

  // Called once, by a handler of the io_context.
  void run();

  // While held, the reader reads no further than what it has in hand.
  void hold(bool held);
  // The client has taken replies that waited.
  void replies_drained();

 private:
  bool must_wait() const;
  void wait_for_leave();
  bool read_frames();
  void hand_over(std::vector<Incoming>& frames);
  ssize_t read_some(char* buffer, std::size_t size);
  void wait_for(int descriptor) const;
  void add(std::vector<Incoming>& frames, const protocol::Line& line) const;

  asio::io_context& io_;
  Descriptor input_;
  Accepted accepted_;
  protocol::LineSplitter lines_;
  const FrameWriter& writer_;
  Events events_;
  LinkSocket link_socket_;
  std::atomic<bool> held_{true};
  std::atomic<bool> waits_{false};
  EventWaker resumed_;
};

}  // namespace replwire::server
