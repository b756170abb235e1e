#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "runtime/link.h"
#include "server/asio.h"
#include "server/descriptor.h"

namespace replwire::server {

// Descriptors 1 and 2 as pipes: what C code and children write there. Reading is the owner's
// business (Outputs), under its lock; the io_context only says when there is something.
class Capture {
 public:
  explicit Capture(asio::io_context& io);
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Takes over descriptors 1 and 2.
  void redirect();

  // Calls `readable` on the io_context, once, when there is something to read.
  void wait(const std::function<void()>& readable);

  // Whether a read would find anything: one system call, which also tells `lost`.
  bool ready();

  // User code has closed the pipes, and with them all of the server's descriptors.
  bool lost() const { return lost_; }

  // Hands out what has come up to now, piece by piece.
  template <class Take>
  void read(Take take) {
    for (Pipe& pipe : pipes_) {
      // No more than was there at the start: a child that floods must not hold us here.
      for (std::size_t room = pipe.capacity; room > 0;) {
        const ssize_t size = ::read(pipe.read_end.native_handle(), buffer_.data(), buffer_.size());
        if (size <= 0) break;
        take(pipe.stream, std::string_view(buffer_.data(), static_cast<std::size_t>(size)));
        room -= std::min(room, static_cast<std::size_t>(size));
      }
    }
  }

 private:
  struct Pipe {
    runtime::Stream stream;
    asio::posix::stream_descriptor read_end;
    Descriptor write_end;
    std::size_t capacity;
    bool waiting = false;
  };

  static Pipe make_pipe(asio::io_context& io, runtime::Stream stream);

  std::array<Pipe, 2> pipes_;
  std::string buffer_;
  bool lost_ = false;
};

}  // namespace replwire::server
