// Holds docs/ to the truth: each block fenced as ```jsonl is a session of its own, an excerpt in
// which the frames shown must come in their order; every frame, field and option is described and
// has an example.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "protocol/frames.h"
#include "support/landlock.h"
#include "support/run_program.h"
#include "support/session_script.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

struct Document {
  std::vector<SessionScript> examples;
  std::map<std::string, std::string> sections;  // by heading, with the smaller headings in them
  std::string code;                             // all that stands between fences
};

Document read_document(const std::string& name) {
  Document document;
  std::map<std::size_t, std::string> open;  // headings, by their level
  std::istringstream lines(read_text(std::string(REPLWIRE_SOURCE_DIR "/docs/") + name));
  std::string block;
  std::string fence;  // that opened it; empty when none is open
  int number = 0;
  int first = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (fence.empty() && line.starts_with('#')) {
      const std::size_t level = line.find(' ');
      open.erase(open.lower_bound(level), open.end());
      open[level] = line.substr(level + 1);
    }
    for (const auto& [level, heading] : open) document.sections[heading] += line + "\n";
    if (fence.empty()) {
      if (line.starts_with("```")) fence = line;
      first = number + 1;
    } else if (line == "```") {
      if (fence == "```jsonl") {
        document.examples.push_back(parse_session_script("docs/" + name, block, first));
      }
      document.code += block;
      block.clear();
      fence.clear();
    } else {
      block += line + "\n";
    }
  }
  return document;
}

const Document& protocol_document() {
  static const Document document = read_document("protocol.md");
  return document;
}

const Document& options_document() {
  static const Document document = read_document("options.md");
  return document;
}

bool needs_debugpy(const SessionScript& example) {
  return std::ranges::any_of(example.steps, [](const SessionScript::Step& step) {
    return step.text.find("\"debug_reply\"") != std::string::npos;
  });
}

class DocsExampleTest : public ::testing::TestWithParam<std::pair<const Document*, std::size_t>> {};

TEST_P(DocsExampleTest, IsTrue) {
  const auto& [document, index] = GetParam();
  SessionScript example = document->examples.at(index);
  if (std::ranges::count(example.options, "--sandbox") > 0) SKIP_WITHOUT_LANDLOCK();
  if (needs_debugpy(example)) {
    const char* python = std::getenv("REPLWIRE_TOOLS");
    if (python == nullptr) GTEST_SKIP() << "no $REPLWIRE_TOOLS: scripts/test sets it";
    example.options.insert(example.options.end(), {"--python", python});
  }
  play(example, Strictness::kExcerpt);
}

auto examples_of(const Document& document) {
  std::vector<std::pair<const Document*, std::size_t>> all;
  for (std::size_t i = 0; i < document.examples.size(); ++i) all.emplace_back(&document, i);
  return ::testing::ValuesIn(all);
}

std::string line_of(const ::testing::TestParamInfo<DocsExampleTest::ParamType>& given) {
  return "Line" + std::to_string(given.param.first->examples[given.param.second].steps.at(0).line);
}

INSTANTIATE_TEST_SUITE_P(Protocol, DocsExampleTest, examples_of(protocol_document()), line_of);
INSTANTIATE_TEST_SUITE_P(Options, DocsExampleTest, examples_of(options_document()), line_of);

// {type: names of the fields} of all frames in the examples.
std::map<std::string, std::set<std::string>> shown_fields() {
  std::map<std::string, std::set<std::string>> shown;
  for (const SessionScript& example : protocol_document().examples) {
    for (const SessionScript::Step& step : example.steps) {
      const auto frame = nlohmann::json::parse(step.text, nullptr, false);
      if (!frame.is_object() || !frame.contains("type")) continue;
      std::string type = frame["type"];
      std::transform(type.begin(), type.end(), type.begin(), ::tolower);
      for (const auto& [name, value] : frame.items()) shown[type].insert(name);
    }
  }
  return shown;
}

// Where a frame is described: a reply with its request, what tells a session's state with `status`.
template <class Frame>
std::string heading_of() {
  if (std::is_base_of_v<replwire::protocol::SessionFacts, Frame>) return "status";
  std::string type(Frame::kType);
  if (type.starts_with("comm_")) return "Comms";
  return type.ends_with("_reply") ? type.substr(0, type.size() - std::string("_reply").size())
                                  : type;
}

// Only when time was up, or with the package `comm`, which no example can bring about.
constexpr std::array kHasNoExample = {"inspect_reply.partial", "comm_open.execution_id",
                                      "comm_msg.execution_id"};

template <class Frame>
void expect_described(std::map<std::string, std::set<std::string>>& shown) {
  const std::string type(Frame::kType);
  const auto& sections = protocol_document().sections;
  const auto section = sections.find(heading_of<Frame>());
  ASSERT_NE(section, sections.end()) << type << " has no section";
  EXPECT_TRUE(shown.contains(type)) << type << " is in no example";
  replwire::protocol::for_each_field<Frame>([&](const auto& field) {
    const std::string name(field.name);
    EXPECT_NE(section->second.find("`" + name + "`"), std::string::npos)
        << type << "." << name << " is not described";
    if (std::ranges::count(kHasNoExample, type + "." + name) == 0) {
      EXPECT_TRUE(shown[type].contains(name)) << type << "." << name << " is in no example";
    }
  });
}

template <class... Frames>
void expect_all_described(const std::variant<Frames...>* /*list*/) {
  auto shown = shown_fields();
  (expect_described<Frames>(shown), ...);
}

TEST(DocsTest, EveryRequestAndFieldIsDescribedAndHasAnExample) {
  expect_all_described(static_cast<const replwire::protocol::Request*>(nullptr));
}

TEST(DocsTest, EveryEventAndFieldIsDescribedAndHasAnExample) {
  expect_all_described(static_cast<const replwire::protocol::Event*>(nullptr));
}

// As --help tells them: lines that begin with "  --name".
std::vector<std::string> options_of_help() {
  std::vector<std::string> all;
  std::istringstream lines(run_program(options({"--help"})).out);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t dashes = line.find("--");
    const std::size_t text = line.find_first_not_of(" -h,");  // some versions of CLI11 indent more
    if (!line.starts_with("  ") || dashes == std::string::npos || text < dashes) continue;
    all.push_back(line.substr(dashes, line.find(' ', dashes) - dashes));
  }
  return all;
}

TEST(DocsTest, EveryOptionIsDescribedAndHasAnExample) {
  const std::string& table = options_document().sections.at("Options");
  std::string shown = protocol_document().code + options_document().code;
  std::replace(shown.begin(), shown.end(), '\n', ' ');
  const auto all = options_of_help();
  EXPECT_GT(all.size(), 20U);
  for (const std::string& option : all) {
    const bool described = table.find("`" + option + " ") != std::string::npos ||
                           table.find("`" + option + "`") != std::string::npos;
    EXPECT_TRUE(described) << option << " is not in the table of docs/options.md";
    EXPECT_NE(shown.find(" " + option + " "), std::string::npos) << option << " is in no example";
  }
}

}  // namespace
}  // namespace replwire_tests
