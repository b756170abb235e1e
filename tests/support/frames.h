#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace replwire_tests {

using Json = nlohmann::json;

// All that the server said about one execution.
struct Execution {
  std::vector<Json> frames;  // in their order, the terminal frame last
  Json terminal;
  std::string out;
  std::string err;

  bool ok() const { return terminal["type"] == "result"; }
  Json repr() const { return terminal.value("repr", Json("no field: repr")); }
  Json value() const { return terminal.value("value", Json("no field: value")); }
  std::string exception() const { return terminal.value("exception_type", "no exception"); }
  std::string reason() const { return terminal.value("reason", "no reason"); }
};

std::ostream& operator<<(std::ostream& stream, const Execution& execution);

bool is_terminal(const Json& frame);
// The joined data of the `output` frames of one stream.
std::string output_text(const std::vector<Json>& frames, std::string_view stream);
std::vector<std::string> types_of(const std::vector<Json>& frames);
// The same; text that came in several frames counts once.
std::vector<std::string> steps_of(const std::vector<Json>& frames);

// For messages: text that may be long, a frame that may be.
std::string shortened(std::string text);
std::string printable(const Json& frame);

}  // namespace replwire_tests
