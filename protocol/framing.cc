#include "protocol/framing.h"

#include <utility>

namespace replwire::protocol {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

std::optional<Line> LineSplitter::next() {
  for (;;) {
    const std::size_t end = fresh_.find('\n');
    const std::string_view piece = fresh_.substr(0, end);
    if (end == std::string_view::npos) {
      // One byte more than the limit is kept, since a "\r" may still turn out to be no part of it.
      if (!skipping_ && partial_.size() + piece.size() > limit_ + 1) skipping_ = true;
      if (skipping_) {
        partial_ = std::string();
      } else {
        partial_.append(piece);
      }
      fresh_ = {};
      return std::nullopt;
    }
    fresh_.remove_prefix(end + 1);
    std::optional<Line> line;
    if (partial_.empty()) {
      line = close(piece);
    } else {
      partial_.append(piece);
      whole_ = std::exchange(partial_, {});
      line = close(whole_);
    }
    if (line) return line;
  }
}

std::optional<Line> LineSplitter::finish() {
  whole_ = std::exchange(partial_, {});
  if (whole_.empty() && !skipping_) return std::nullopt;
  return close(whole_);
}

std::optional<Line> LineSplitter::close(std::string_view text) {
  ++number_;
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (std::exchange(skipping_, false) || text.size() > limit_) return Line{{}, number_, true};
  if (number_ == 1 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (is_blank(text)) return std::nullopt;
  return Line{text, number_, false};
}

}  // namespace replwire::protocol
