#include "server/output/output_framer.h"

#include <utility>

#include "server/output/output_frames.h"
#include "text/utf8.h"

namespace replwire::server {
namespace {

using runtime::ExecutionRef;
using runtime::Stream;

std::string valid_utf8(std::string_view bytes) {
  std::string valid;
  while (!bytes.empty()) {
    const text::Character character = text::decode_utf8(bytes);
    valid.append(character.valid ? bytes.substr(0, character.size) : "\xEF\xBF\xBD");
    bytes.remove_prefix(character.size);
  }
  return valid;
}

}  // namespace

OutputFramer::OutputFramer() {
  incomplete_[0].stream = Stream::kStdout;
  incomplete_[1].stream = Stream::kStderr;
}

void OutputFramer::set_running(const ExecutionRef& execution, std::optional<std::size_t> limit) {
  running_serial_ = execution ? execution->serial : 0;
  output_limit_.reset();
  if (limit && execution->count) output_limit_.emplace(execution, *limit, spools_);
}

void OutputFramer::append(std::string& frames, OutputPiece& piece) {
  OutputPiece& before = incomplete_[static_cast<std::size_t>(piece.stream)];
  if (!before.bytes.empty()) {
    if (before.execution == piece.execution && before.captured == piece.captured) {
      piece.bytes.insert(0, std::exchange(before.bytes, {}));
    } else {
      append_incomplete(frames);
    }
  }
  const std::size_t tail = text::incomplete_tail(piece.bytes);
  const std::size_t whole = piece.bytes.size() - tail;
  append_text(frames, piece, std::string_view(piece.bytes).substr(0, whole));
  if (tail != 0) {
    before = {piece.execution, piece.stream, piece.captured, piece.bytes.substr(whole)};
  }
}

void OutputFramer::append_rest(std::string& frames) {
  append_incomplete(frames);
  if (output_limit_) append_tails(frames);
}

void OutputFramer::append_incomplete(std::string& frames) {
  for (OutputPiece& piece : incomplete_) {
    append_text(frames, piece, std::exchange(piece.bytes, {}));
    piece.execution.reset();
  }
}

void OutputFramer::append_tails(std::string& frames) {
  for (const Stream stream : {Stream::kStdout, Stream::kStderr}) {
    const auto gap = output_limit_->close(stream);
    if (!gap) continue;
    const ExecutionRef& execution = output_limit_->execution();
    if (gap->omitted > 0) {
      protocol::append_line(
          frames, protocol::OutputTruncated{id_of(execution), execution->count, name_of(stream),
                                            gap->omitted, gap->offset});
    }
    append_output(frames, output_frame(execution, stream), gap->tail, [] {});
  }
}

void OutputFramer::append_text(std::string& frames, const OutputPiece& piece,
                               std::string_view bytes) {
  if (bytes.empty()) return;
  protocol::Output frame = output_frame(piece.execution, piece.stream, piece.captured);
  if (piece.execution && piece.execution->serial != running_serial_) {
    frame.late = true;
    frame.execution_count = piece.execution->count;
  }
  std::string valid;
  if (output_limit_ && piece.execution == output_limit_->execution()) {
    valid = valid_utf8(bytes);
    bytes = output_limit_->pass(piece.stream, valid);
  }
  append_output(frames, frame, bytes, [] {});
}

}  // namespace replwire::server
