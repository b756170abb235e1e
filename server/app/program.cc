// The program `replwire`: chooses the Python, and becomes it or serves the session with the one
// that it holds.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "server/app/chosen_python.h"
#include "server/app/exec_handover.h"
#include "server/app/held_python.h"
#include "server/app/surroundings.h"
#include "server/serve/remote.h"
#include "server/system/sandbox/sandbox.h"

namespace replwire::server {
namespace {

constexpr int kWrongUsage = 2;

void greet_terminal() {
  if (::isatty(0) == 0 || ::isatty(1) == 0) return;
  std::fputs(
      "replwire: a Python session over pipes; type one JSON frame per line, such as "
      "{\"type\":\"execute\",\"code\":\"1+1\"}, end with Ctrl-D; see replwire --help\n",
      stderr);
}

int fail(const std::string& text) {
  std::fprintf(stderr, "replwire: %s\n", text.c_str());
  return kWrongUsage;
}

std::string current_folder() {
  std::error_code error;
  return std::filesystem::current_path(error);
}

// For ExecHandover::sandbox: the keeper's descriptor, then the writable paths; only without
// --survive.
std::vector<std::string> sandbox_words(const SandboxOptions& sandbox) {
  std::vector<std::string> told;
  if (!sandbox.on()) return told;
  ::fcntl(sandbox.keeper, F_SETFD, 0);
  told.push_back(std::to_string(sandbox.keeper));
  told.insert(told.end(), sandbox.writable.begin(), sandbox.writable.end());
  return told;
}

int run(Options& options, const ChosenPython& python, const std::string& folder,
        std::vector<std::string> words) {
  std::string failure;
  clear_environment(options);
  std::vector<std::string> readable;
  if (!options.sandbox.read.empty()) {
    readable = folders_of(python);
    readable.push_back(exec_handover::module_file());
  }
  const Sandbox sandbox = Sandbox::prepare(options, readable, failure);
  if (!failure.empty()) return fail(failure);
  if (failure = sandbox.enforce(); !failure.empty()) return fail(failure);
  if (options.survive) {
    const auto become = [&](survive::Channels& channels, Descriptor error) {
      if (python.embedded) become_embedded(options, python, channels);
      exec_handover::ExecHandover handover = {
          {{}, {}, std::move(error)}, python.why, folder, words};
      handover.channels = channels.leave_open();
      fail(exec_handover::become(python, options.switches, std::move(handover)));
    };
    survive::serve(options, StandardStreams::take, become, python.why, sandbox);
  }
  if (python.embedded) serve_embedded(options, python);
  exec_handover::ExecHandover handover = {StandardStreams::take(), python.why, folder,
                                          std::move(words)};
  handover.sandbox = sandbox_words(options.sandbox);
  return fail(exec_handover::become(python, options.switches, std::move(handover)));
}

}  // namespace
}  // namespace replwire::server

int main(int argc, char** argv) {
  using namespace replwire::server;
  settle_surroundings();
  leave_process_one();
  auto parsed = parse_options(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  Options& options = std::get<Options>(parsed);
  // Its path may be relative to the folder we are in.
  const auto chosen = choose_python(options, {holds_python(), own_python()});
  if (const auto* problem = std::get_if<std::string>(&chosen)) return fail(*problem);
  const std::string folder = current_folder();
  if (!options.cwd.empty() && ::chdir(options.cwd.c_str()) != 0) {
    std::perror("replwire: --cwd");
    return kWrongUsage;
  }
  std::signal(SIGPIPE, SIG_IGN);  // a client that went away is noticed by its pipe
  greet_terminal();
  return run(options, std::get<ChosenPython>(chosen), folder, {argv, argv + argc});
}
