// --autosave and --restore.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

class AutosaveTest : public ::testing::TestWithParam<bool> {
 protected:
  std::string file() const { return folder_.path("a.session"); }
  Launch launch() const {
    std::vector<std::string> words = {"--autosave",       file(), "--restore", file(),
                                      "--autosave-every", "0.05"};
    if (GetParam()) words.emplace_back("--survive");
    return options(words);
  }
  // Until another session finds that value for x in the file.
  Json await_saved(const Json& value) const {
    const auto until = Clock::now() + kPatience;
    Json found;
    while (found != value && Clock::now() < until) {
      std::this_thread::sleep_for(Millis(20));
      if (!std::filesystem::exists(file())) continue;
      ServerProcess other(options({"--restore", file()}));
      other.read_until("load_reply");
      found = other.execute("x").value();
    }
    return found;
  }

  TempDir folder_;
};

INSTANTIATE_TEST_SUITE_P(Modes, AutosaveTest, ::testing::Bool(),
                         [](const auto& given) { return given.param ? "Survive" : "Local"; });

TEST_P(AutosaveTest, VariablesAreKeptAndComeBack) {
  {
    ServerProcess first(launch());
    first.execute("x = [1]");
    EXPECT_EQ(await_saved({1}), Json{1});
    first.execute("x.append(2)");
    EXPECT_EQ(await_saved({1, 2}), (Json{1, 2}));
    first.signal(SIGKILL);
  }
  ServerProcess second(launch());
  const Json restored = second.read_until("load_reply").back();
  EXPECT_EQ(restored["id"], "--restore");
  EXPECT_EQ(restored["loaded"], Json{"x"});
  EXPECT_EQ(second.execute("x").value(), (Json{1, 2}));
}

TEST_P(AutosaveTest, AFileThatIsNoGoodStays) {
  folder_.write("a.session", "something else");
  ServerProcess server(launch());
  const Json refused = server.read_until("protocol_error").back();
  EXPECT_EQ(refused["code"], "load_failed");
  EXPECT_EQ(refused["id"], "--restore");
  // Were it to be saved by itself, it would be before this one.
  server.execute("x = 1\nimport time\ntime.sleep(0.2)");
  EXPECT_EQ(request(server, {{"type", "save"}, {"path", folder_.path("b")}})["type"], "save_reply");
  EXPECT_EQ(read_text(file()), "something else");
}

}  // namespace
}  // namespace replwire_tests
