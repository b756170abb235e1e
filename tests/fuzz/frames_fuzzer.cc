// Any bytes, cut into lines and decoded. The first byte says where the input is torn apart, for
// framing must not care how bytes come.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "protocol/codec.h"
#include "protocol/framing.h"

namespace {

using namespace replwire::protocol;

constexpr std::size_t kLimit = 4096;

std::vector<std::string> lines_of(std::string_view bytes, std::size_t piece) {
  std::vector<std::string> lines;
  LineSplitter splitter(kLimit);
  const auto take = [&](const Line& line) {
    lines.push_back(std::to_string(line.number) + (line.too_long ? "!" : " ") +
                    std::string(line.text));
    if (!line.too_long) decode(line.text, line.number);
  };
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    splitter.feed(bytes.substr(0, piece));
    while (const auto line = splitter.next()) take(*line);
  }
  if (const auto line = splitter.finish()) take(*line);
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (lines_of(bytes, std::string::npos) != lines_of(bytes, data[0] + 1U)) std::abort();
  return 0;
}
