// Plays the whole sessions of tests/sessions: every frame of the server must be expected.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "support/session_script.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

const char* const kDirectory = REPLWIRE_SOURCE_DIR "/tests/sessions";

std::vector<std::string> session_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kDirectory)) {
    if (entry.path().extension() == ".session") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

class SessionFileTest : public ::testing::TestWithParam<std::string> {};

TEST_P(SessionFileTest, GoesAsWritten) {
  const std::string file = GetParam() + ".session";
  play(parse_session_script(file, read_text(std::filesystem::path(kDirectory) / file)),
       Strictness::kWhole);
}

INSTANTIATE_TEST_SUITE_P(Sessions, SessionFileTest, ::testing::ValuesIn(session_names()),
                         [](const auto& given) { return given.param; });

}  // namespace
}  // namespace replwire_tests
