#include "server/wire/session_writer.h"

namespace replwire::server {

// A frame is a line, and ends with its bracket.
void SessionWriter::write(std::string_view frames, FrameKind kind) const {
  if (field_.empty()) return all_.write(frames, kind);
  std::string named;
  named.reserve(frames.size() + kMostBytes);
  while (!frames.empty()) {
    const std::size_t end = frames.find('\n');
    named.append(frames.substr(0, end - 1)).append(field_).append("}\n");
    frames.remove_prefix(end + 1);
  }
  all_.write(named, kind);
}

}  // namespace replwire::server
