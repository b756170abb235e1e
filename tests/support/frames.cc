#include "support/frames.h"

namespace replwire_tests {

std::ostream& operator<<(std::ostream& stream, const Execution& execution) {
  for (const Json& frame : execution.frames) stream << "\n  " << printable(frame);
  return stream;
}

bool is_terminal(const Json& frame) {
  return frame["type"] == "result" || frame["type"] == "error";
}

std::string output_text(const std::vector<Json>& frames, std::string_view stream) {
  std::string text;
  for (const Json& frame : frames) {
    if (frame["type"] == "output" && frame["stream"] == stream) {
      text += frame["data"].get<std::string>();
    }
  }
  return text;
}

std::vector<std::string> types_of(const std::vector<Json>& frames) {
  std::vector<std::string> types;
  for (const Json& frame : frames) types.push_back(frame["type"]);
  return types;
}

std::vector<std::string> steps_of(const std::vector<Json>& frames) {
  std::vector<std::string> steps;
  for (const std::string& type : types_of(frames)) {
    if (type != "output" || steps.empty() || steps.back() != type) steps.push_back(type);
  }
  return steps;
}

std::string shortened(std::string text) {
  constexpr std::size_t kShown = 600;
  if (text.size() <= kShown) return text;
  return text.substr(0, kShown) + "... (" + std::to_string(text.size()) + " bytes)";
}

std::string printable(const Json& frame) {
  return shortened(frame.dump(-1, ' ', true, Json::error_handler_t::replace));
}

}  // namespace replwire_tests
