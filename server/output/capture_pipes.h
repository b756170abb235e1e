#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/link.h"
#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

// The pipes that stand for descriptors 1 and 2: what C code and children write. Whoever reads holds
// the lock of what it reads for.
class CapturePipes {
 public:
  struct Pipe {
    runtime::Stream stream;
    Descriptor read_end;
    Descriptor write_end;  // none: of a pair that was set apart
    std::size_t capacity;
  };

  CapturePipes();
  // Of another process: the ends of standard output's pipe, then those of standard error's.
  CapturePipes(int output_read, int output_write, int error_read, int error_write);
  explicit CapturePipes(std::span<Descriptor, 4> ends);

  // Takes over descriptors 1 and 2.
  void redirect() const;
  // Puts back those of 0 (the null device), 1 and 2 that user code has closed. One that it replaced
  // is its own.
  void restore_closed() const;

  // What this process still writes there is lost: at its end.
  void give_up_ends();
  // For a thread that has a table of descriptors of its own: in that, nothing holds the pipes open.
  void close_ends_of_thread() const;

  // New ones, which every descriptor of this process that leads into these leads into from here on:
  // to be put in the place of these. Nothing when the system has no more to give.
  std::optional<CapturePipes> make_successors() const;
  // The same pipes, to be read on when these are others: other processes go on writing into them,
  // and their end comes when none has them any more. Nothing where no number is free.
  std::optional<CapturePipes> copy_to_read() const;
  // These others take the place of these, under the same numbers.
  void replace(const CapturePipes& others);

  // Nothing in this process holds the pipes open until it has others: standard streams that led
  // into these lead into those then.
  void let_go();
  void become(const CapturePipes& others);
  // Whether a read would find anything: one system call, which also tells `lost`.
  bool ready();

  // User code has closed the pipes, and with them all of the server's descriptors.
  bool lost() const { return lost_; }

  const std::array<Pipe, 2>& pipes() const { return pipes_; }
  // Whether the descriptor leads into one of them.
  bool has(int fd) const { return index_of(fd).has_value(); }
  // Their descriptors, in the order in which they are taken over.
  std::array<int, 4> ends() const;
  // What the system calls them.
  std::array<ino_t, 2> inodes() const;

  // Hands out what has come up to now, piece by piece. False when no more can come: nobody has
  // their other ends.
  template <class Take>
  bool read(Take take);

 private:
  static constexpr std::size_t kReadBytes = 64UL * 1024;

  static Pipe make_pipe(runtime::Stream stream);
  static Pipe take_pipe(runtime::Stream stream, int read_end, int write_end);
  CapturePipes(Pipe output, Pipe error);
  static Descriptor place_for_copy(const Descriptor& read_end);
  void take_over(const CapturePipes& before) const;
  void lead(int fd, std::size_t index) const;
  // Which of the two the descriptor leads into.
  std::optional<std::size_t> index_of(int fd) const;

  std::array<Pipe, 2> pipes_;
  // Which of the two the standard streams led into when they were let go of.
  std::array<std::optional<std::size_t>, 3> led_ = {};
  std::unique_ptr<char[]> buffer_;  // once something is read
  bool lost_ = false;
};

template <class Take>
bool CapturePipes::read(Take take) {
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kReadBytes);
  bool open = false;
  for (const Pipe& pipe : pipes_) {
    // No more than was there at the start: a child that floods must not hold us here.
    ssize_t size = 1;
    for (std::size_t room = pipe.capacity; room > 0 && size > 0;) {
      size = ::read(pipe.read_end.get(), buffer_.get(), kReadBytes);
      if (size <= 0) break;
      take(pipe.stream, std::string_view(buffer_.get(), static_cast<std::size_t>(size)));
      if (static_cast<std::size_t>(size) < kReadBytes) break;  // it is empty
      room -= std::min(room, static_cast<std::size_t>(size));
    }
    if (size < 0 && errno == EBADF) lost_ = true;
    open = open || size != 0;
  }
  return open;
}

}  // namespace replwire::server
