#include "server/system/sandbox/add_options.h"

#include <array>
#include <cmath>
#include <filesystem>
#include <string_view>
#include <utility>

#include "server/system/units.h"

namespace replwire::server {
namespace {

using Filesystem = SandboxOptions::Filesystem;
using Kind = ResourceLimit::Kind;

struct LimitName {
  std::string_view name;
  Kind kind;
  const char* what;  // a number of it there may be
};
constexpr std::array kLimits = {LimitName{"cpu", Kind::kCpu, "seconds from 1, or such as 10m"},
                                LimitName{"processes", Kind::kProcesses, "a whole number from 1"},
                                LimitName{"file-size", Kind::kFileSize, "bytes, or such as 512M"},
                                LimitName{"open-files", Kind::kOpenFiles, "a whole number from 1"}};

const Units& units_of(Kind kind) {
  static const Units none = {{"", 1}};
  if (kind == Kind::kCpu) return kTimes;
  return kind == Kind::kFileSize ? kSizes : none;
}

ResourceLimit limit_of(const std::string& word) {
  const std::size_t equals = word.find('=');
  for (const LimitName& each : kLimits) {
    if (word.substr(0, equals) != each.name) continue;
    constexpr double kMost = 1e18;
    const std::string text = equals == word.npos ? "" : word.substr(equals + 1);
    const double number = in_units(text, units_of(each.kind)).value_or(-1);
    const double least = each.kind == Kind::kFileSize ? 0 : 1;
    const bool counts = each.kind == Kind::kProcesses || each.kind == Kind::kOpenFiles;
    if (!(number >= least) || number > kMost || (counts && number != std::floor(number))) {
      throw CLI::ValidationError("--limit " + std::string(each.name) + ": must be " + each.what +
                                 ", not " + (text.empty() ? "nothing" : text));
    }
    return {each.kind, static_cast<std::uint64_t>(std::ceil(number))};
  }
  throw CLI::ValidationError("--limit " + word +
                             ": not NAME=N with cpu, processes, file-size or open-files");
}

// Relative to where the command line was given; what stands there later is another matter.
CLI::Validator existing_path() {
  return {[](std::string& text) {
            std::error_code error;
            const auto full = std::filesystem::canonical(text, error);
            if (error) return text + ": " + error.message();
            text = full;
            return std::string();
          },
          ""};
}

}  // namespace

void add_sandbox_options(CLI::App& app, Options& options) {
  SandboxOptions& sandbox = options.sandbox;
  CLI::Option* on =
      app.add_option_function<std::string>(
             "--sandbox",
             [&sandbox](const std::string& mode) {
               sandbox.filesystem =
                   mode == "workspace" ? Filesystem::kWorkspace : Filesystem::kReadOnly;
             },
             "Let the kernel keep code from writing: anywhere, or outside the session's folder; "
             "and from the network")
          ->type_name("MODE")
          ->check(CLI::IsMember({"read-only", "workspace"}));
  app.add_option("--sandbox-write", sandbox.write, "Where code may write as well")
      ->type_name("DIR")
      ->transform(existing_path())
      ->needs(on);
  app.add_option("--sandbox-read", sandbox.read,
                 "Read only there, and where Python and the system's libraries are")
      ->type_name("DIR")
      ->transform(existing_path())
      ->needs(on);
  app.add_option_function<std::string>(
         "--sandbox-network",
         [&sandbox](const std::string& what) { sandbox.network = what == "all"; },
         "What a sandbox leaves of it (default: none)")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"none", "all"}))
      ->needs(on);
  app.add_option_function<std::vector<std::string>>(
         "--limit",
         [&options](const std::vector<std::string>& words) {
           for (const std::string& word : words) options.limits.push_back(limit_of(word));
         },
         "Bound each process: cpu (TIME), processes, file-size (SIZE), open-files")
      ->type_name("NAME=N");
  app.add_option("--env-keep", options.kept_env,
                 "Let the session have these variables of the environment alone")
      ->type_name("NAME")
      ->delimiter(',');
  app.add_flag("--env-clear", options.clear_env, "Let it have none, but for --env-keep");
}

std::string wrong_sandbox(const Options& options) {
  for (const std::string& name : options.kept_env) {
    if (name.empty() || name.find('=') != name.npos) {
      return "--env-keep: " + name + ": not a name of a variable";
    }
  }
  return {};
}

}  // namespace replwire::server
