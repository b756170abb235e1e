#include "server/output/outputs.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "server/output/output_frames.h"
#include "server/system/critical.h"
#include "server/system/ticks.h"
#include "text/utf8.h"

namespace replwire::server {
namespace {

using runtime::ExecutionRef;
using runtime::Stream;

constexpr std::size_t kFlushBytes = 56 * 1024;
constexpr std::size_t kKeptBytes = 4 * kFlushBytes;
constexpr std::size_t kLastErrors = 64 * 1024;
constexpr std::chrono::milliseconds kFlushTime{4};

std::string valid_utf8(std::string_view bytes) {
  std::string valid;
  while (!bytes.empty()) {
    const text::Character character = text::decode_utf8(bytes);
    valid.append(character.valid ? bytes.substr(0, character.size) : "\xEF\xBF\xBD");
    bytes.remove_prefix(character.size);
  }
  return valid;
}

// A flood of small writes would spend a tenth of its time on growing new strings.
void reuse(std::string& text) {
  text.clear();
  if (text.capacity() > kKeptBytes) text = std::string();
}

}  // namespace

Outputs::Outputs(asio::io_context& io, FrameWriter& writer, Capture& capture, std::size_t limit,
                 SharedOutput* shared)
    : writer_(writer), capture_(capture), shared_(shared), limit_(limit), timer_(io, [this] {
        send_what_waits();
      }) {
  incomplete_[0].stream = Stream::kStdout;
  incomplete_[1].stream = Stream::kStderr;
  wait_for_capture();
}

// ---- gathering ------------------------------------------------------------------------------

bool Outputs::write(const ExecutionRef& execution, Stream stream, std::string_view bytes) {
  const Critical critical;
  bool full = false;
  bool lost = false;
  {
    const std::lock_guard locked(lock_);
    if (others_may_have_written()) {
      if (capture_.pipes().ready()) take_pipes();
      last_write_ = ticks();
    }
    add(execution, stream, bytes);
    full = open_ && size_ >= kFlushBytes;
    if (!full) arm_timer();
    lost = capture_.pipes().lost();
  }
  if (lost) writer_.lose_descriptor();
  if (full) send(false);
  return has_room();
}

// Not when the write before this one was so short a time ago that no write to a descriptor, which
// takes a system call, fits in between: so a loop of prints need not look into the pipes each time.
bool Outputs::others_may_have_written() {
  const std::uint64_t now = ticks();
  return now - std::exchange(last_write_, now) > kShorterThanASystemCall;
}

void Outputs::add(const ExecutionRef& execution, Stream stream, std::string_view bytes) {
  if (pieces_.empty() || pieces_.back().stream != stream || pieces_.back().execution != execution) {
    pieces_.push_back({execution, stream, std::exchange(spare_, {})});
  }
  pieces_.back().bytes.append(bytes);
  size_ += bytes.size();
}

// What Python wrote in its own process comes first: each write of its looks into the pipes before.
void Outputs::take_captured() {
  if (shared_ == nullptr) return take_pipes();
  const SharedOutput::Lock locked(*shared_);
  if (shared_->take_all(std::bind_front(&Outputs::add_record, this))) take_pipes();
}

void Outputs::take_pipes() {
  capture_.pipes().read(
      [this](Stream stream, std::string_view bytes) { add_captured(stream, bytes); });
}

void Outputs::add_captured(Stream stream, std::string_view bytes) {
  add(running_, stream, bytes);
  if (shared_ == nullptr || stream != Stream::kStderr) return;
  captured_errors_.append(bytes);
  if (captured_errors_.size() <= 2 * kLastErrors) return;
  captured_errors_.erase(0, captured_errors_.size() - kLastErrors);
}

// A fatal error of Python's own takes faulthandler down first; user code may have pointed that
// there.
std::string Outputs::fatal_error() {
  const std::lock_guard locked(lock_);
  const std::string said = std::exchange(captured_errors_, {});
  const std::size_t start = said.rfind("Fatal Python error: ");
  return start == said.npos ? std::string() : said.substr(start);
}

// ---- what Python writes in a process of its own -----------------------------------------------

void Outputs::add_record(const SharedOutput::Record& record, const std::string& id,
                         std::string_view bytes) {
  using Record = SharedOutput;
  if (record.serial == Record::kCaptured) return add_captured(record.stream, bytes);
  if (record.serial == 0) return add(nullptr, record.stream, bytes);
  if (newest_ && newest_->serial == record.serial) return add(newest_, record.stream, bytes);
  if (before_ && before_->serial == record.serial) return add(before_, record.stream, bytes);
  if (!late_ || late_->serial != record.serial) {
    const auto count = record.count < 0 ? std::nullopt : std::optional(record.count);
    late_ = std::make_shared<const runtime::Execution>(runtime::Execution{
        record.serial, id.empty() ? "null" : id, count, runtime::Unanswered::kAsk});
  }
  add(late_, record.stream, bytes);
}

void Outputs::take_soon() {
  bool full = false;
  {
    const std::lock_guard locked(lock_);
    if (shared_->is_filling()) take_captured();
    full = open_ && size_ >= kFlushBytes;
    if (!full) arm_timer();
  }
  if (full) send(false);
}

void Outputs::take_until(std::uint64_t position) {
  bool full = false;
  {
    const std::lock_guard locked(lock_);
    const SharedOutput::Lock shared_locked(*shared_);
    shared_->see_event();
    shared_->take_until(position, std::bind_front(&Outputs::add_record, this));
    full = open_ && size_ >= kFlushBytes;
    // What came behind the event waited for it.
    if (!full && (size_ > 0 || !shared_->empty())) arm_timer();
  }
  if (full) send(false);
}

void Outputs::take_rest() {
  {
    const std::lock_guard locked(lock_);
    const SharedOutput::Lock shared_locked(*shared_);
    shared_->take_rest(std::bind_front(&Outputs::add_record, this));
    take_pipes();
  }
  send(true);
}

// Whoever writes in the other process is to wait then.
void Outputs::tell_whether_behind() {
  if (shared_ != nullptr) shared_->set_behind(!has_room());
}

void Outputs::wait_for_capture() {
  capture_.wait([this] { read_capture(); });
}

// While the client is behind, the pipes stay full and whoever writes into them waits.
void Outputs::read_capture() {
  if (writer_.pending() > limit_) return;
  bool full = false;
  {
    const std::lock_guard locked(lock_);
    take_captured();
    full = open_ && size_ >= kFlushBytes;
    if (!full && size_ > 0) arm_timer();
  }
  if (full) send(false);
  wait_for_capture();
}

void Outputs::set_running(ExecutionRef execution, std::optional<std::size_t> limit) {
  const Critical critical;
  const std::lock_guard sending(sending_);
  running_serial_ = execution ? execution->serial : 0;
  output_limit_.reset();
  if (limit && execution->count) output_limit_.emplace(execution, *limit, spools_);
  const std::lock_guard locked(lock_);
  running_ = std::move(execution);
  if (!running_ || shared_ == nullptr) return;
  before_ = std::exchange(newest_, running_);
  captured_errors_.clear();
}

void Outputs::arm_timer() {
  if (open_ && !std::exchange(armed_, true)) timer_.set_in(kFlushTime);
}

void Outputs::send_what_waits() {
  {
    const std::lock_guard locked(lock_);
    armed_ = false;
    if (shared_ != nullptr) take_captured();
  }
  send(false);
}

// ---- sending --------------------------------------------------------------------------------

void Outputs::close() {
  flush();
  const std::lock_guard lock(sending_);
  closed_ = true;
}

void Outputs::flush() {
  const Critical critical;
  {
    const std::lock_guard locked(lock_);
    // What another process wrote has been taken as far as it comes first.
    if (shared_ == nullptr && capture_.pipes().ready()) take_pipes();
  }
  if (capture_.pipes().lost()) writer_.lose_descriptor();
  send(true);
}

void Outputs::open() {
  {
    const std::lock_guard locked(lock_);
    open_ = true;
  }
  flush();
}

void Outputs::send(bool whole) {
  const std::lock_guard sending(sending_);
  std::vector<Piece> pieces;
  std::size_t size = 0;
  {
    const std::lock_guard locked(lock_);
    if (!open_) return;
    pieces.swap(pieces_);
    size = std::exchange(size_, 0);
  }
  if (closed_) return;
  frames_.reserve(size + size / 8 + 256);
  for (Piece& piece : pieces) append_piece(frames_, piece);
  if (whole) {
    append_incomplete(frames_);
    if (output_limit_) append_tails(frames_);
  }
  if (!frames_.empty()) writer_.write(frames_);
  tell_whether_behind();
  reuse(frames_);
  if (!pieces.empty()) keep_spare(std::move(pieces.front().bytes));
}

void Outputs::keep_spare(std::string bytes) {
  reuse(bytes);
  const std::lock_guard locked(lock_);
  spare_ = std::move(bytes);
}

void Outputs::append_piece(std::string& frames, Piece& piece) {
  Piece& before = incomplete_[static_cast<std::size_t>(piece.stream)];
  if (!before.bytes.empty()) {
    if (before.execution == piece.execution) {
      piece.bytes.insert(0, std::exchange(before.bytes, {}));
    } else {
      append_incomplete(frames);
    }
  }
  const std::size_t tail = text::incomplete_tail(piece.bytes);
  const std::size_t whole = piece.bytes.size() - tail;
  append_frames(frames, piece.execution, piece.stream,
                std::string_view(piece.bytes).substr(0, whole));
  if (tail != 0) before = {piece.execution, piece.stream, piece.bytes.substr(whole)};
}

void Outputs::append_incomplete(std::string& frames) {
  for (Piece& piece : incomplete_) {
    const Piece taken = {std::move(piece.execution), piece.stream, std::exchange(piece.bytes, {})};
    append_frames(frames, taken.execution, taken.stream, taken.bytes);
  }
}

void Outputs::append_tails(std::string& frames) {
  for (const Stream stream : {Stream::kStdout, Stream::kStderr}) {
    const auto gap = output_limit_->close(stream);
    if (!gap) continue;
    const ExecutionRef& execution = output_limit_->execution();
    if (gap->omitted > 0) {
      protocol::append_line(
          frames, protocol::OutputTruncated{id_of(execution), execution->count, name_of(stream),
                                            gap->omitted, gap->offset});
    }
    protocol::Output frame = {id_of(execution), name_of(stream), {}, {}, {}};
    append_output(frames, frame, gap->tail, [] {});
  }
}

void Outputs::append_frames(std::string& frames, const ExecutionRef& execution, Stream stream,
                            std::string_view bytes) {
  if (bytes.empty()) return;
  protocol::Output frame = {id_of(execution), name_of(stream), {}, {}, {}};
  if (execution && execution->serial != running_serial_) {
    frame.late = true;
    frame.execution_count = execution->count;
  }
  std::string valid;
  if (output_limit_ && execution == output_limit_->execution()) {
    valid = valid_utf8(bytes);
    bytes = output_limit_->pass(stream, valid);
  }
  append_output(frames, frame, bytes, [] {});
}

std::optional<Spools::Part> Outputs::spooled(std::int64_t count, Stream stream, std::int64_t offset,
                                             std::int64_t size) {
  const std::lock_guard lock(sending_);
  return spools_.read(count, stream, offset, size);
}

// ---- a client that is behind ------------------------------------------------------------------

bool Outputs::wait_for_room(Waker& waker) {
  {
    const std::lock_guard lock(waiting_mutex_);
    if (has_room()) return true;
    waiting_.push_back(&waker);
  }
  const bool woken = waker.wait();
  const std::lock_guard lock(waiting_mutex_);
  std::erase(waiting_, &waker);
  return woken && has_room();
}

void Outputs::room_again() {
  {
    const std::lock_guard lock(waiting_mutex_);
    for (Waker* waker : waiting_) waker->wake();
  }
  tell_whether_behind();
  wait_for_capture();
}

void Outputs::lift_limit() {
  unlimited_ = true;
  tell_whether_behind();
  const std::lock_guard lock(waiting_mutex_);
  for (Waker* waker : waiting_) waker->wake();
}

}  // namespace replwire::server
