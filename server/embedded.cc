#include "runtime/embed.h"
#include "server/held_python.h"
#include "server/serve.h"

namespace replwire::server {

bool holds_python() { return true; }

int serve_embedded(const Options& options, const ChosenPython& python) {
  const auto start = [&] {
    std::vector<std::string> line = {python.name};
    line.insert(line.end(), options.switches.begin(), options.switches.end());
    return runtime::start_embedded_python(std::move(line), python.file);
  };
  return serve(options, StandardStreams::take, start, python.why);
}

}  // namespace replwire::server
