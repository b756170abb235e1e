#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/encoder.h"
#include "protocol/frames.h"
#include "runtime/link.h"
#include "server/wire/session_writer.h"
#include "text/json_text.h"

namespace replwire::server {

inline constexpr std::size_t kOutputFrameBytes = 60 * 1024;

inline std::string_view name_of(runtime::Stream stream) {
  return stream == runtime::Stream::kStdout ? "stdout" : "stderr";
}

inline protocol::Nullable<protocol::JsonOf<protocol::Id, std::string_view>> id_of(
    const runtime::ExecutionRef& execution) {
  if (!execution) return {};
  return std::optional(protocol::JsonOf<protocol::Id, std::string_view>{execution->id});
}

// Without its data. `captured`: it came by a descriptor.
inline protocol::Output output_frame(const runtime::ExecutionRef& execution, runtime::Stream stream,
                                     bool captured = false) {
  protocol::Output frame = {};
  frame.execution_id = id_of(execution);
  frame.stream = name_of(stream);
  if (captured) frame.origin = protocol::OutputOrigin::kFd;
  return frame;
}

// Appends `bytes` as `output` frames like `frame`, none longer than the limit; calls `done` behind
// each. Allocates nothing of its own: a signal handler writes last words with it.
template <class Out, class Done>
void append_output(Out& out, protocol::Output frame, std::string_view bytes, Done done) {
  constexpr std::string_view kEnd = "\"}\n";
  while (!bytes.empty()) {
    const std::size_t begin = out.size();
    protocol::append_line(out, frame);
    out.resize(out.size() - kEnd.size());
    const std::size_t room =
        kOutputFrameBytes - SessionWriter::kMostBytes - (out.size() - begin) - kEnd.size();
    bytes.remove_prefix(text::append_escaped(out, bytes, room));
    out.append(kEnd);
    done();
  }
}

}  // namespace replwire::server
