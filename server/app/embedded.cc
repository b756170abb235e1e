#include "runtime/embed.h"
#include "server/app/held_python.h"
#include "server/serve/interpreter_process.h"
#include "server/serve/local.h"

namespace replwire::server {
namespace {

StartPython starting(const Options& options, const ChosenPython& python) {
  return [&options, &python] {
    std::vector<std::string> line = {python.name};
    line.insert(line.end(), options.switches.begin(), options.switches.end());
    return runtime::start_embedded_python(std::move(line), python.file);
  };
}

}  // namespace

bool holds_python() { return true; }

std::string own_python() { return {}; }

void serve_embedded(const Options& options, const ChosenPython& python) {
  runtime::end_embedded_python(
      serve(options, StandardStreams::take, starting(options, python), python.why));
}

void become_embedded(const Options& options, const ChosenPython& python,
                     survive::Channels& channels) {
  runtime::end_embedded_python(
      survive::run_interpreter(options, channels, starting(options, python)));
}

}  // namespace replwire::server
