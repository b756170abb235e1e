#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace replwire::protocol {

struct Line {
  std::string_view text;  // without its end; valid until the splitter is called again
  std::int64_t number;    // from 1, blank lines counted
  bool too_long;          // longer than the limit: `text` is empty, the bytes are gone
};

// Takes a stream of bytes apart into lines. Pure and incremental: `feed` some bytes, then take
// `next` until there is none; after the last bytes `finish` gives what has no newline. Skips blank
// lines, a "\r" before "\n" and a byte order mark at the start.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t limit) : limit_(limit) {}

  // `bytes` must stay valid until `next` has returned nothing.
  void feed(std::string_view bytes) { fresh_ = bytes; }
  std::optional<Line> next();
  std::optional<Line> finish();

 private:
  std::optional<Line> close(std::string_view text);

  std::size_t limit_;
  std::string_view fresh_;
  std::string partial_;  // the beginning of a line whose end has not come
  std::string whole_;    // the line that was handed out last, when it came in pieces
  bool skipping_ = false;
  std::int64_t number_ = 0;
};

}  // namespace replwire::protocol
