// Feeds the examples of docs/protocol.md to the server: each block fenced as ```jsonl is a session
// of its own, an excerpt in which the frames shown must come in their order.
#include <gtest/gtest.h>

#include <sstream>

#include "support/session_script.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

const char* const kDocument = REPLWIRE_SOURCE_DIR "/docs/protocol.md";

std::vector<SessionScript> read_examples() {
  std::vector<SessionScript> examples;
  std::istringstream lines(read_text(kDocument));
  std::string block;
  int number = 0;
  int first = 0;  // line of the block that is open, 0 when none is
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (first == 0) {
      if (line == "```jsonl") first = number + 1;
    } else if (line == "```") {
      examples.push_back(parse_session_script("docs/protocol.md", block, first));
      block.clear();
      first = 0;
    } else {
      block += line + "\n";
    }
  }
  return examples;
}

const std::vector<SessionScript>& examples() {
  static const std::vector<SessionScript> all = read_examples();
  return all;
}

class DocsExampleTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(DocsExampleTest, IsTrue) { play(examples().at(GetParam()), Strictness::kExcerpt); }

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DocsExampleTest);
INSTANTIATE_TEST_SUITE_P(Examples, DocsExampleTest,
                         ::testing::Range(std::size_t{0}, examples().size()),
                         [](const auto& given) {
                           return "Line" + std::to_string(examples()[given.param].steps.at(0).line);
                         });

TEST(DocsTest, EveryFrameHasAnExample) {
  std::string shown;
  for (const SessionScript& example : examples()) {
    for (const SessionScript::Step& step : example.steps) shown += step.text + "\n";
  }
  for (const char* type :
       {"ready",          "execute",           "output",          "input",
        "input_response", "input_closed",      "result",          "error",
        "heartbeat",      "interrupt",         "interrupt_reply", "stuck",
        "reset",          "reset_reply",       "status",          "status_reply",
        "complete",       "complete_reply",    "inspect",         "inspect_reply",
        "is_complete",    "is_complete_reply", "variables",       "variables_reply",
        "display",        "clear_output",      "shutdown",        "shutdown_reply",
        "protocol_error"}) {
    const std::string field = "\"" + std::string(type) + "\"";
    EXPECT_NE(shown.find(field), std::string::npos) << type << " is in no example";
  }
}

}  // namespace
}  // namespace replwire_tests
