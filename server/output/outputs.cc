#include "server/output/outputs.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "server/system/critical.h"

namespace replwire::server {
namespace {

using runtime::ExecutionRef;
using runtime::Stream;

constexpr std::size_t kFlushBytes = 56 * 1024;
constexpr std::size_t kKeptBytes = 4 * kFlushBytes;
constexpr std::size_t kLastErrors = 64 * 1024;
constexpr std::chrono::milliseconds kFlushTime{4};
constexpr std::int64_t kMostCredit = 32;  // frames that may be handed over one right after another

// A flood of small writes would spend a tenth of its time on growing new strings.
void reuse(std::string& text) {
  text.clear();
  if (text.capacity() > kKeptBytes) text = std::string();
}

}  // namespace

Outputs::Outputs(asio::io_context& io, SessionWriter writer, Capture& capture, std::size_t limit,
                 SharedOutput* shared)
    : writer_(std::move(writer)),
      capture_(capture),
      shared_(shared),
      room_(writer_.all(), limit, shared),
      timer_(io, [this] { send_what_waits(); }) {
  wait_for_capture();
}

// ---- gathering ------------------------------------------------------------------------------

bool Outputs::write(const ExecutionRef& execution, Stream stream, std::string_view bytes) {
  const Critical critical;
  if (pace_.other_writes_fit()) {
    look_into_pipes();
    pace_.note_look();
  }
  const bool line_of_errors = stream == Stream::kStderr && bytes.ends_with('\n');
  Step step = {};
  {
    const std::lock_guard lock(mutex_);
    add(execution, stream, bytes);
    step = next_step(line_of_errors);
  }
  take(step);
  return room_.any();
}

void Outputs::hand_over() {
  const Critical critical;
  pass_on(true);
}

void Outputs::add(const ExecutionRef& execution, Stream stream, std::string_view bytes,
                  bool captured) {
  const bool continues = !pieces_.empty() && pieces_.back().stream == stream &&
                         pieces_.back().captured == captured &&
                         pieces_.back().execution == execution;
  if (!continues) pieces_.push_back({execution, stream, captured, std::exchange(spare_, {})});
  pieces_.back().bytes.append(bytes);
  size_ += bytes.size();
}

// With `mutex_`: what is to be done, without it, now that there is more.
Outputs::Step Outputs::next_step(bool handed_over) {
  if (!open_) return {};
  const bool now = size_ >= kFlushBytes || (handed_over && size_ > 0 && credit_.spend());
  return {now, !now && !std::exchange(armed_, true)};
}

// What is handed over goes at once, but no faster for long than one frame in the time that output
// is gathered for: a progress bar may flush a hundred thousand times a second.
bool Outputs::Credit::spend() {
  const auto now = Alarm::Clock::now();
  left_ = std::min<std::int64_t>(kMostCredit, left_ + (now - since_) / kFlushTime);
  since_ = now;
  if (left_ == 0) return false;
  --left_;
  return true;
}

void Outputs::take(Step step) {
  if (step.arm) timer_.set_in(kFlushTime);
  if (step.send) send(false);
}

void Outputs::pass_on(bool handed_over) {
  Step step = {};
  {
    const std::lock_guard lock(mutex_);
    step = next_step(handed_over);
  }
  take(step);
}

void Outputs::send_what_waits() {
  {
    const std::lock_guard lock(mutex_);
    armed_ = false;
  }
  if (shared_ != nullptr) {
    const std::lock_guard reading(reading_);
    if (take_captured()) wait_for_capture();
  }
  send(false);
}

// ---- what comes by descriptors 1 and 2 --------------------------------------------------------

void Outputs::look_into_pipes() {
  {
    const std::lock_guard reading(reading_);
    if (capture_.pipes().ready()) take_pipes();
  }
  if (capture_.pipes().lost()) writer_.all().lose_descriptor();
}

// With `reading_`, as all here.
void Outputs::take_pipes() {
  const ExecutionRef owner = owner_of_pipes();
  capture_.pipes().read(
      [&](Stream stream, std::string_view bytes) { add_captured(owner, stream, bytes); });
}

ExecutionRef Outputs::owner_of_pipes() const {
  ExecutionRef owner;
  {
    const std::lock_guard lock(mutex_);
    if (running_ || shared_ != nullptr) return shared_ != nullptr ? running_ : begun_;
    owner = begun_;
  }
  return children_.any() ? owner : nullptr;
}

void Outputs::add_captured(const ExecutionRef& owner, Stream stream, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  add(owner, stream, bytes, true);
  if (stream == Stream::kStderr) keep_errors(bytes);
}

void Outputs::keep_errors(std::string_view bytes) {
  captured_errors_.append(bytes);
  if (captured_errors_.size() <= 2 * kLastErrors) return;
  captured_errors_.erase(0, captured_errors_.size() - kLastErrors);
}

std::vector<std::string> Outputs::pipes() {
  const std::lock_guard reading(reading_);
  return capture_.names();
}

std::vector<std::string> Outputs::pipes_of_others() {
  const std::lock_guard reading(reading_);
  return capture_.of_others();
}

// A fatal error of Python's own takes faulthandler down first; user code may have pointed that
// there.
std::string Outputs::fatal_error() {
  const std::lock_guard lock(mutex_);
  std::string said(fatal_error_so_far());
  captured_errors_.clear();
  return said;
}

std::string_view Outputs::fatal_error_so_far() const {
  const std::size_t start = captured_errors_.rfind("Fatal Python error: ");
  return start == std::string::npos ? std::string_view()
                                    : std::string_view(captured_errors_).substr(start);
}

void Outputs::begin(ExecutionRef execution) {
  const Critical critical;
  const std::lock_guard reading(reading_);
  capture_.pipes().restore_closed();
  if (children_.any()) {
    if (capture_.pipes().ready()) take_pipes();
    ExecutionRef before;
    {
      const std::lock_guard lock(mutex_);
      before = begun_;
    }
    capture_.set_apart(std::move(before));
    wait_for_capture();
    children_.begin();
  }
  const std::lock_guard lock(mutex_);
  begun_ = std::move(execution);
}

// With `reading_`, but for the constructor.
void Outputs::wait_for_capture() {
  capture_.wait([this] { read_capture(); });
}

// While the client is behind, the pipes stay full and whoever writes into them waits.
void Outputs::read_capture() {
  if (room_.behind()) return;
  {
    const std::lock_guard reading(reading_);
    const bool looked = take_captured();
    read_apart();
    if (looked) wait_for_capture();
  }
  pass_on(shared_ == nullptr);
}

void Outputs::read_apart() {
  capture_.read_apart([this](const ExecutionRef& owner, Stream stream, std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    add(owner, stream, bytes, true);
  });
  if (shared_ != nullptr) shared_->set_apart_full(!capture_.has_room());
}

// What Python wrote in its own process comes first: each write of its looks into the pipes before.
// False when the pipes could not be looked into, and the timer does it.
bool Outputs::take_captured() {
  if (shared_ == nullptr) {
    take_pipes();
    return true;
  }
  const SharedOutput::Lock writers(*shared_, std::try_to_lock);
  Step step = {};
  bool all = false;
  {
    const std::lock_guard lock(mutex_);
    all = shared_->take_all(std::bind_front(&Outputs::add_record, this));
    if (!writers.owns()) step = next_step(false);  // its owner may be stopped: later
  }
  if (writers.owns() && all) take_pipes();
  take(step);
  return writers.owns();
}

// ---- what Python writes in a process of its own -----------------------------------------------

// With `mutex_`.
void Outputs::add_record(const SharedOutput::Record& record, const std::string& id,
                         std::string_view bytes) {
  if (record.serial == SharedOutput::kCaptured) {
    add(running_, record.stream, bytes, true);
    if (record.stream == Stream::kStderr) keep_errors(bytes);
    return;
  }
  add(recent_.find(record.serial, record.count, id), record.stream, bytes);
}

void Outputs::take_soon() {
  if (shared_->is_filling()) {
    const std::lock_guard reading(reading_);
    take_captured();
  }
  pass_on(false);
}

void Outputs::take_until(std::uint64_t position) {
  Step step = {};
  {
    const std::lock_guard reading(reading_);
    const std::lock_guard lock(mutex_);
    shared_->see_event();
    shared_->take_until(position, std::bind_front(&Outputs::add_record, this));
    if (size_ > 0 || !shared_->empty()) step = next_step(false);  // what came behind it waited
  }
  take(step);
}

void Outputs::take_rest() {
  {
    const std::lock_guard reading(reading_);
    ExecutionRef owner;
    {
      const std::lock_guard lock(mutex_);
      shared_->take_rest(std::bind_front(&Outputs::add_record, this));
      owner = running_;
    }
    take_pipes();
    capture_.set_apart(std::move(owner));
    wait_for_others();
  }
  send(true);
}

void Outputs::set_apart(const ExecutionRef& owner, const CapturePipes& successors) {
  const std::lock_guard reading(reading_);
  ExecutionRef known;
  if (owner) {
    const std::lock_guard lock(mutex_);
    known = recent_.find(owner->serial, owner->count.value_or(-1), owner->id);
  }
  capture_.set_apart(std::move(known), successors);
  wait_for_others();
}

// With `reading_`: for what comes by pipes that were made, or set apart.
void Outputs::wait_for_others() {
  shared_->set_apart_full(!capture_.has_room());
  wait_for_capture();
}

void Outputs::set_running(ExecutionRef execution, std::optional<std::size_t> limit) {
  const Critical critical;
  const std::lock_guard sending(sending_);
  framer_.set_running(execution, limit);
  const std::lock_guard lock(mutex_);
  running_ = std::move(execution);
  if (!running_) return;
  recent_.add(running_);
  captured_errors_.clear();
}

// ---- sending --------------------------------------------------------------------------------

void Outputs::close() {
  open();
  const std::lock_guard lock(sending_);
  closed_ = true;
}

void Outputs::flush() {
  const Critical critical;
  // What another process wrote has been taken as far as it comes first.
  if (shared_ == nullptr) look_into_pipes();
  send(true);
}

void Outputs::hold() {
  const std::lock_guard lock(mutex_);
  open_ = false;
}

void Outputs::open() {
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
  }
  flush();
}

void Outputs::send(bool whole) {
  const std::lock_guard sending(sending_);
  std::vector<OutputPiece> pieces;
  std::size_t size = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    pieces.swap(pieces_);
    size = std::exchange(size_, 0);
  }
  if (closed_) return;
  frames_.reserve(size + size / 8 + 256);
  for (OutputPiece& piece : pieces) framer_.append(frames_, piece);
  if (whole) framer_.append_rest(frames_);
  if (!frames_.empty()) writer_.write(frames_, FrameKind::kOutput);
  room_.tell();
  reuse(frames_);
  if (pieces.empty()) return;
  reuse(pieces.front().bytes);
  const std::lock_guard lock(mutex_);
  spare_ = std::move(pieces.front().bytes);
}

std::optional<Spools::Part> Outputs::spooled(std::int64_t count, Stream stream, std::int64_t offset,
                                             std::int64_t size) {
  const std::lock_guard lock(sending_);
  return framer_.spools().read(count, stream, offset, size);
}

// ---- a client that is behind ------------------------------------------------------------------

void Outputs::room_again() {
  room_.wake();
  const std::lock_guard reading(reading_);
  wait_for_capture();
}

}  // namespace replwire::server
