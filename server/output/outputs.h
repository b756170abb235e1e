#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/link.h"
#include "server/output/capture.h"
#include "server/output/child_watch.h"
#include "server/output/output_framer.h"
#include "server/output/output_room.h"
#include "server/output/recent_executions.h"
#include "server/output/shared_output.h"
#include "server/output/spools.h"
#include "server/output/write_pace.h"
#include "server/system/alarm.h"
#include "server/system/asio.h"
#include "server/system/seize.h"
#include "server/wire/session_writer.h"

namespace replwire::server {

// What executions write, on its way into `output` frames.
//
// What comes in. Python's own writes, each with the execution that its thread or task belongs to:
// by `write` where Python runs in this process, by a ring in shared memory (SharedOutput) where it
// runs in another one. And bytes that C code and children write to descriptors 1 and 2: by the
// capture pipes, which bring no name with them.
//
// Whose the pipes' bytes are. Those of the execution that ran last when they were written, as far
// as it can be told: when an execution begins and the one before has had children, which may live
// on, the pipes are set apart for that one and new ones stand for descriptors 1 and 2. The old ones
// are read under the old name until nobody has their other ends. At rest, where no children are,
// the bytes are nobody's. Of an interpreter in another process the children are that one's: it
// makes the new pipes as an execution ends (SocketLink), and these come here behind all that the
// execution itself has written; where it dies, they are made here.
//
// The order. A stream's bytes keep the order in which they were written, across both ways: the
// pipes are looked into before every write of Python's own, unless it comes so soon behind the one
// before that no system call fits in between (WritePace). In front of every frame that must come
// behind the output so far (a result, an `input`), the session calls `flush`.
//
// What is sent when. Pieces are gathered for some milliseconds, or up to a frame's size, so that a
// loop of prints costs no frame each; then whoever has the data sends, a timer on the io_context
// what nobody else has sent. What was handed over, as a pipe would have it (a flush, a line on
// standard error, a write to a descriptor), goes at once, so that it outlives the process, but no
// more than some such frames in that time.
//
// Who may touch what. `mutex_` is over memory alone: the pieces, and who runs. No system call is
// made under it. `reading_` is held from the look into the pipes, or the ring, to the place in the
// pieces where that ends up; its calls do not wait. `sending_` is held from the moment at which the
// pieces are taken to the one at which their frames are the writer's: so frames keep the order of
// pieces. They are taken in the order reading_, sending_, mutex_, and any thread may write; why not
// one lock: code that prints would wait for the write to the client.
//
// A client that is behind. When more than the limit waits in the writer, `write` says so, and its
// caller waits in `room().wait()`; the pipes are not read, so that whoever writes into them waits.
class Outputs {
 public:
  // `limit`: bytes that may wait for a client that does not read. `shared`: where Python writes
  // when it runs in another process; null when it calls `write`.
  Outputs(asio::io_context& io, SessionWriter writer, Capture& capture, std::size_t limit,
          SharedOutput* shared = nullptr);
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  // False when the client is behind by more than the limit.
  bool write(const runtime::ExecutionRef& execution, runtime::Stream stream,
             std::string_view bytes);
  // Code has flushed: what was written is to outlive the process.
  void hand_over();
  // The worker is about to run this execution: descriptors 0 to 2 that were closed are put back,
  // and what comes by 1 and 2 is its own from here on.
  void begin(runtime::ExecutionRef execution);

  // For what Python writes in another process. There is something to take, soon; all that was
  // written before an event's position, when it is handled; all that the dead one left.
  void take_soon();
  void take_until(std::uint64_t position);
  void take_rest();
  // What comes by the pipes that there were belongs to `owner` from here on.
  void set_apart(const runtime::ExecutionRef& owner, const CapturePipes& successors);

  // As /proc names them, the pipes that stand or stood for descriptors 1 and 2.
  std::vector<std::string> pipes();
  // At the end of this process: those that another process can write into.
  std::vector<std::string> pipes_of_others();

  // What Python, or faulthandler, said last on descriptor 2 when it gave up; empty: nothing.
  std::string fatal_error();

  // Sends all that has been written by anyone up to now: what an output_limit held back as the
  // tail, and a character that is not complete, included.
  void flush();

  // Sends all that has been written, what was kept too, and nothing from here on.
  void close();

  // Everything is kept until `open`: at the start, where `ready` comes first, and from `hold` on,
  // where `restored` does.
  void hold();
  void open();

  // From here on this execution runs (null: none): what others write is late. `limit`: its
  // output_limit.
  void set_running(runtime::ExecutionRef execution, std::optional<std::size_t> limit);

  std::optional<Spools::Part> spooled(std::int64_t count, runtime::Stream stream,
                                      std::int64_t offset, std::int64_t size);

  OutputRoom& room() { return room_; }
  // On the io_context: the client has caught up.
  void room_again();

  // For last words, from a signal handler: nobody else sends from here on. Then these call `take`
  // with execution, stream, whether it was captured, and bytes of what has not been sent: what was
  // gathered, and what is in the pipes yet. They allocate nothing.
  void seize() {
    server::seize(sending_);
    server::seize(mutex_);
  }
  template <class Take>
  void salvage_pieces(Take take) const;
  template <class Take>
  void salvage_pipes(Take take);
  // See `fatal_error`.
  std::string_view fatal_error_so_far() const;
  const runtime::ExecutionRef& running() const { return running_; }

 private:
  struct Step {
    bool send;
    bool arm;  // the timer
  };
  // How often what was handed over is sent at once.
  class Credit {
   public:
    bool spend();

   private:
    std::int64_t left_ = 0;
    Alarm::Clock::time_point since_;
  };

  void add(const runtime::ExecutionRef& execution, runtime::Stream stream, std::string_view bytes,
           bool captured = false);
  void add_captured(const runtime::ExecutionRef& owner, runtime::Stream stream,
                    std::string_view bytes);
  void add_record(const SharedOutput::Record& record, const std::string& id,
                  std::string_view bytes);
  void keep_errors(std::string_view bytes);
  void look_into_pipes();
  void take_pipes();
  runtime::ExecutionRef owner_of_pipes() const;
  bool take_captured();
  Step next_step(bool handed_over);
  void take(Step step);
  void pass_on(bool handed_over);
  void read_capture();
  void read_apart();
  void wait_for_others();
  void wait_for_capture();
  void send_what_waits();
  void send(bool whole);

  const SessionWriter writer_;
  Capture& capture_;
  SharedOutput* const shared_;
  OutputRoom room_;
  WritePace pace_;

  std::mutex reading_;
  ChildWatch children_;

  std::mutex sending_;
  OutputFramer framer_;
  bool closed_ = false;
  std::string frames_;  // empty between sends

  mutable std::mutex mutex_;
  runtime::ExecutionRef running_;
  runtime::ExecutionRef begun_;  // whose the pipes are
  RecentExecutions recent_;
  std::string captured_errors_;  // the end of what the pipe brought
  std::vector<OutputPiece> pieces_;
  std::size_t size_ = 0;
  std::string spare_;  // empty, with room for the next piece
  bool open_ = false;
  bool armed_ = false;
  Credit credit_;

  Alarm timer_;
};

template <class Take>
void Outputs::salvage_pieces(Take take) const {
  for (const OutputPiece& piece : framer_.incomplete()) {
    take(piece.execution, piece.stream, piece.captured, piece.bytes);
  }
  for (const OutputPiece& piece : pieces_) {
    take(piece.execution, piece.stream, piece.captured, piece.bytes);
  }
}

template <class Take>
void Outputs::salvage_pipes(Take take) {
  capture_.pipes().read(
      [&](runtime::Stream stream, std::string_view bytes) { take(running_, stream, true, bytes); });
}

}  // namespace replwire::server
