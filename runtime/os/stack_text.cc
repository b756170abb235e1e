#include "runtime/os/stack_text.h"

#include <algorithm>
#include <charconv>

namespace replwire::runtime::stack_dump {
namespace {

constexpr std::string_view kHeader = "Stack (most recent call first):\n";
constexpr std::string_view kFile = "  File \"";
constexpr std::string_view kLine = "\", line ";
constexpr std::string_view kFunction = " in ";
constexpr std::string_view kMore = "  ...";
constexpr std::string_view kNoFrame = "  <no Python frame>";
constexpr std::string_view kOwnFiles = "<replwire ";

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](unsigned shift) {
    out.push_back(static_cast<char>(0x80U | ((code >> shift) & 0x3FU)));
  };
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0U | (code >> 6U)));
    tail(0);
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0U | (code >> 12U)));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0U | (code >> 18U)));
    tail(12);
    tail(6);
    tail(0);
  }
}

// The length of the escape at the front of `text`, or 0. What is printable ASCII was never escaped,
// and lone surrogates stay as they are.
std::size_t escape(std::string_view text, std::uint32_t& code) {
  const char kind = text.size() > 1 ? text[1] : ' ';
  const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  if (digits == 0 || text.size() < 2 + digits) return 0;
  const char* end = text.data() + 2 + digits;
  if (std::from_chars(text.data() + 2, end, code, 16).ptr != end) return 0;
  const bool printable = code >= 0x20 && code < 0x7F;
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  return printable || surrogate || code > 0x10FFFF ? 0 : 2 + digits;
}

std::string unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::uint32_t code = 0;
    const std::size_t size = text.front() == '\\' ? escape(text, code) : 0;
    if (size != 0) {
      append_utf8(out, code);
    } else {
      out.push_back(text.front());
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

// `  File "NAME", line N in FUNCTION`; a NAME may hold quotes.
std::optional<Frame> frame(std::string_view line) {
  const std::size_t name_end = line.rfind(kLine);
  if (!line.starts_with(kFile) || name_end == line.npos || name_end < kFile.size()) return {};
  const std::size_t number = name_end + kLine.size();
  const std::size_t number_end = line.find(kFunction, number);
  if (number_end == line.npos) return {};
  Frame found = {unescaped(line.substr(kFile.size(), name_end - kFile.size())), 0,
                 unescaped(line.substr(number_end + kFunction.size()))};
  std::from_chars(line.data() + number, line.data() + number_end, found.line);
  return found;
}

}  // namespace

std::optional<Frames> parse(std::string_view text) {
  if (!text.starts_with(kHeader) || !text.ends_with(kEnd)) return std::nullopt;
  return parse_lines(text.substr(kHeader.size(), text.size() - kHeader.size() - kEnd.size()));
}

std::optional<Frames> parse_lines(std::string_view text) {
  Frames frames;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    auto found = frame(line);
    if (!found && line != kMore && line != kNoFrame) return std::nullopt;
    if (found && !found->filename.starts_with(kOwnFiles)) frames.push_back(*std::move(found));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::ranges::reverse(frames);
  return frames;
}

}  // namespace replwire::runtime::stack_dump
