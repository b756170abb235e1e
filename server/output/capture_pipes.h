#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "runtime/link.h"
#include "server/system/descriptor.h"

namespace replwire::server {

// The pipes that stand for descriptors 1 and 2: what C code and children write. Whoever reads holds
// the lock of what it reads for.
class CapturePipes {
 public:
  struct Pipe {
    runtime::Stream stream;
    Descriptor read_end;
    Descriptor write_end;
    std::size_t capacity;
  };

  CapturePipes();
  // Of another process: the ends of standard output's pipe, then those of standard error's.
  CapturePipes(int output_read, int output_write, int error_read, int error_write);

  // Takes over descriptors 1 and 2.
  void redirect() const;

  // Whether a read would find anything: one system call, which also tells `lost`.
  bool ready();

  // User code has closed the pipes, and with them all of the server's descriptors.
  bool lost() const { return lost_; }

  const std::array<Pipe, 2>& pipes() const { return pipes_; }

  // Hands out what has come up to now, piece by piece.
  template <class Take>
  void read(Take take) {
    for (const Pipe& pipe : pipes_) {
      // No more than was there at the start: a child that floods must not hold us here.
      for (std::size_t room = pipe.capacity; room > 0;) {
        const ssize_t size = ::read(pipe.read_end.get(), buffer_.data(), buffer_.size());
        if (size <= 0) break;
        take(pipe.stream, std::string_view(buffer_.data(), static_cast<std::size_t>(size)));
        room -= std::min(room, static_cast<std::size_t>(size));
      }
    }
  }

 private:
  static Pipe make_pipe(runtime::Stream stream);
  static Pipe take_pipe(runtime::Stream stream, int read_end, int write_end);

  std::array<Pipe, 2> pipes_;
  std::string buffer_;
  bool lost_ = false;
};

}  // namespace replwire::server
