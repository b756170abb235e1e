// The options of the sandbox, of limits and of the environment.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "server/system/options.h"
#include "server/system/units.h"

namespace replwire::server {
namespace {

using Kind = ResourceLimit::Kind;

std::variant<Options, int> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "replwire");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

Options parsed(std::vector<std::string> words) {
  return std::get<Options>(parse(std::move(words)));
}

TEST(SandboxOptionsTest, NothingIsOnByItself) {
  const Options options = parsed({});
  EXPECT_FALSE(options.sandbox.on());
  EXPECT_TRUE(options.limits.empty());
  EXPECT_FALSE(options.clear_env);
}

TEST(SandboxOptionsTest, TheNetworkIsShutUnlessAskedFor) {
  EXPECT_FALSE(parsed({"--sandbox", "workspace"}).sandbox.network);
  EXPECT_FALSE(parsed({"--sandbox", "workspace", "--sandbox-network", "none"}).sandbox.network);
  EXPECT_TRUE(parsed({"--sandbox-network=all", "--sandbox=read-only"}).sandbox.network);
}

TEST(SandboxOptionsTest, FoldersComeOneByOneOrTogether) {
  std::filesystem::current_path("/usr");
  const Options options = parsed({"--sandbox", "workspace", "--sandbox-write", "/tmp", "bin/..",
                                  "--sandbox-read", "/", "--sandbox-write", "/var"});
  EXPECT_EQ(options.sandbox.write, (std::vector<std::string>{"/tmp", "/usr", "/var"}));
  EXPECT_EQ(options.sandbox.read, (std::vector<std::string>{"/"}));
}

TEST(SandboxOptionsTest, LimitsTakeTheirSuffixes) {
  const Options options = parsed(
      {"--limit", "cpu=2m", "--limit", "file-size=1.5K", "processes=7", "--limit=open-files=64"});
  const auto is = [&options](std::size_t i, Kind kind, std::uint64_t most) {
    return options.limits.at(i).kind == kind && options.limits.at(i).most == most;
  };
  EXPECT_TRUE(is(0, Kind::kCpu, 120));
  EXPECT_TRUE(is(1, Kind::kFileSize, 1536));
  EXPECT_TRUE(is(2, Kind::kProcesses, 7));
  EXPECT_TRUE(is(3, Kind::kOpenFiles, 64));
}

TEST(SandboxOptionsTest, NamesOfVariablesAreListed) {
  const Options options = parsed({"--env-keep", "A,B", "--env-keep=C"});
  EXPECT_EQ(options.kept_env, (std::vector<std::string>{"A", "B", "C"}));
  EXPECT_TRUE(parsed({"--env-clear"}).clear_env);
  EXPECT_EQ(std::get<int>(parse({"--env-keep", "A=1"})), 2);
}

TEST(SandboxOptionsTest, WhatIsWrongEndsTheStart) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"--sandbox", "open"},
                                                                 {"--sandbox-write", "/"},
                                                                 {"--limit", "cpu=0"},
                                                                 {"--limit", "cpu"},
                                                                 {"--limit", "memory=1G"},
                                                                 {"--limit", "open-files=1.5"},
                                                                 {"--limit", "file-size=-1"},
                                                                 {"--limit", "processes=1K"}}) {
    EXPECT_TRUE(std::holds_alternative<int>(parse(words))) << words.back();
  }
}

TEST(UnitsTest, ANumberAndItsSuffix) {
  EXPECT_EQ(in_units("1.5k", kSizes), 1536);
  EXPECT_EQ(in_units("200ms", kTimes), 0.2);
  EXPECT_EQ(in_units("7", kTimes), 7);
  for (const char* text : {"", "k", "1 k", "1x", "1e", "--1", "1.2.3"})
    EXPECT_FALSE(in_units(text, kSizes)) << text;
}

}  // namespace
}  // namespace replwire::server
