#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <variant>
#include <vector>

#include "protocol/codec.h"
#include "protocol/framing.h"
#include "server/descriptor.h"
#include "server/waker.h"

namespace replwire::server {

// A frame as it came, or what was wrong with it.
struct Incoming {
  std::variant<protocol::Request, protocol::ProtocolError> frame;
  std::int64_t line;
};

// The one reader of standard input. Its thread reads, takes lines apart, decodes, and hands over
// all that one read brought; nothing else in the process ever reads that descriptor.
class StdinReader {
 public:
  struct Events {
    std::function<void(std::vector<Incoming>)> frames;
    std::function<void()> ended;
  };

  StdinReader(Descriptor input, std::size_t max_frame_bytes, Events events);
  StdinReader(const StdinReader&) = delete;
  StdinReader& operator=(const StdinReader&) = delete;

  void start();

  // While held, the reader reads no further than what it has in hand.
  void hold(bool held);

 private:
  void run();
  ssize_t read_some(char* buffer, std::size_t size);
  void add(std::vector<Incoming>& frames, const protocol::Line& line) const;

  Descriptor input_;
  std::size_t max_frame_bytes_;
  protocol::LineSplitter lines_;
  Events events_;
  std::atomic<bool> held_{false};
  Waker resumed_;
  std::thread thread_;
};

}  // namespace replwire::server
