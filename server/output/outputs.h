#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/link.h"
#include "server/output/capture.h"
#include "server/output/output_limit.h"
#include "server/output/shared_output.h"
#include "server/output/spools.h"
#include "server/system/alarm.h"
#include "server/system/asio.h"
#include "server/system/seize.h"
#include "server/system/spin_lock.h"
#include "server/system/waker.h"
#include "server/wire/frame_writer.h"

namespace replwire::server {

// What executions write, on its way into `output` frames: gathered for a few milliseconds, so that
// a loop of prints costs no frame each, in the order in which it was written. Any thread writes;
// a timer on the io_context sends what nothing else has sent. What C code and children write
// arrives by the capture pipes, which are looked into before every write of Python's own, so that
// the order holds across both ways.
class Outputs {
 public:
  // `limit`: bytes that may wait for a client that does not read. `shared`: where Python writes
  // when it runs in another process; null when it calls `write`.
  Outputs(asio::io_context& io, FrameWriter& writer, Capture& capture, std::size_t limit,
          SharedOutput* shared = nullptr);
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  // False when the client is behind by more than the limit.
  bool write(const runtime::ExecutionRef& execution, runtime::Stream stream,
             std::string_view bytes);

  // For what Python writes in another process. There is something to take, soon; all that was
  // written before an event's position, when it is handled; all that the dead one left.
  void take_soon();
  void take_until(std::uint64_t position);
  void take_rest();

  // What Python, or faulthandler, said last on descriptor 2 when it gave up; empty: nothing.
  std::string fatal_error();

  // Sends all that has been written by anyone up to now: what an output_limit held back as the
  // tail, and a character that is not complete, included.
  void flush();

  // Sends all that has been written, and nothing from here on.
  void close();

  // Until `open` everything is kept: `ready` comes first.
  void open();

  // From here on this execution runs (null: none): what the pipes bring is its, and what others
  // write is late. `limit`: its output_limit.
  void set_running(runtime::ExecutionRef execution, std::optional<std::size_t> limit);

  std::optional<Spools::Part> spooled(std::int64_t count, runtime::Stream stream,
                                      std::int64_t offset, std::int64_t size);

  bool has_room() const { return unlimited_ || writer_.pending() <= limit_; }
  // True when there is room; false when a signal came. `waker` is the calling thread's.
  bool wait_for_room(Waker& waker);
  // On the io_context: the client has caught up.
  void room_again();
  // From here on there is always room: the session ends.
  void lift_limit();

  // For last words, from a signal handler: nobody else sends from here on. Then `salvage` calls
  // `take` with execution, stream and bytes of what has not been sent, and allocates nothing.
  void seize() {
    server::seize(sending_);
    server::seize(lock_);
  }
  template <class Take>
  void salvage(Take take);
  const runtime::ExecutionRef& running() const { return running_; }

 private:
  struct Piece {
    runtime::ExecutionRef execution;
    runtime::Stream stream;
    std::string bytes;
  };

  void add(const runtime::ExecutionRef& execution, runtime::Stream stream, std::string_view bytes);
  bool others_may_have_written();
  void take_captured();
  void take_pipes();
  void add_captured(runtime::Stream stream, std::string_view bytes);
  void add_record(const SharedOutput::Record& record, const std::string& id,
                  std::string_view bytes);
  void tell_whether_behind();
  void read_capture();
  void wait_for_capture();
  void arm_timer();
  void send_what_waits();
  void send(bool whole);
  void keep_spare(std::string bytes);
  void append_piece(std::string& frames, Piece& piece);
  void append_incomplete(std::string& frames);
  void append_tails(std::string& frames);
  void append_frames(std::string& frames, const runtime::ExecutionRef& execution,
                     runtime::Stream stream, std::string_view bytes);

  FrameWriter& writer_;
  Capture& capture_;
  SharedOutput* const shared_;
  const std::size_t limit_;
  std::atomic<bool> unlimited_{false};

  std::mutex sending_;  // taken before `lock_`; keeps frames in order
  std::uint64_t running_serial_ = 0;
  bool closed_ = false;
  std::array<Piece, 2> incomplete_;  // per stream: a character whose rest has not come
  std::optional<OutputLimit> output_limit_;
  Spools spools_;
  std::string frames_;  // empty between sends

  SpinLock lock_;
  runtime::ExecutionRef running_;
  runtime::ExecutionRef newest_;  // that ran, or runs
  runtime::ExecutionRef before_;  // the one before it: what writes may not know yet that it is over
  runtime::ExecutionRef late_;    // an older one that wrote
  std::string captured_errors_;   // the end of what the pipe brought, with `shared_`
  std::vector<Piece> pieces_;
  std::size_t size_ = 0;
  std::string spare_;  // empty, with room for the next piece
  bool open_ = false;
  bool armed_ = false;
  std::uint64_t last_write_ = 0;  // in ticks()

  Alarm timer_;

  std::mutex waiting_mutex_;
  std::vector<Waker*> waiting_;
};

template <class Take>
void Outputs::salvage(Take take) {
  for (const Piece& piece : incomplete_) take(piece.execution, piece.stream, piece.bytes);
  for (const Piece& piece : pieces_) take(piece.execution, piece.stream, piece.bytes);
  capture_.pipes().read(
      [&](runtime::Stream stream, std::string_view bytes) { take(running_, stream, bytes); });
}

}  // namespace replwire::server
