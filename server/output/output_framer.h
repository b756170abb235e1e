#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/link.h"
#include "server/output/output_limit.h"
#include "server/output/spools.h"

namespace replwire::server {

// Bytes that came one after another from the same writer.
struct OutputPiece {
  runtime::ExecutionRef execution;
  runtime::Stream stream;
  bool captured = false;  // came by a descriptor
  std::string bytes;
};

// Turns pieces into `output` frames: joins a character that came in two pieces, marks late output,
// applies the output_limit of what runs and spools what that leaves out. Belongs to Outputs, which
// guards it.
class OutputFramer {
 public:
  OutputFramer();
  OutputFramer(const OutputFramer&) = delete;
  OutputFramer& operator=(const OutputFramer&) = delete;

  // From here on this execution runs (null: none). `limit`: its output_limit.
  void set_running(const runtime::ExecutionRef& execution, std::optional<std::size_t> limit);

  // Appends the frames of `piece`. A character at its end that is not complete is kept.
  void append(std::string& frames, OutputPiece& piece);
  // Appends what was kept: incomplete characters, and what an output_limit held back as the tail.
  void append_rest(std::string& frames);

  Spools& spools() { return spools_; }
  const std::array<OutputPiece, 2>& incomplete() const { return incomplete_; }

 private:
  void append_incomplete(std::string& frames);
  void append_tails(std::string& frames);
  void append_text(std::string& frames, const OutputPiece& piece, std::string_view bytes);

  std::uint64_t running_serial_ = 0;
  std::array<OutputPiece, 2> incomplete_;  // per stream: a character whose rest has not come
  std::optional<OutputLimit> output_limit_;
  Spools spools_;
};

}  // namespace replwire::server
