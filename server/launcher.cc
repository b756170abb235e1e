// The program of the Python package: it holds no Python, and becomes one.
#include <cstdlib>

#include "server/held_python.h"

namespace replwire::server {

bool holds_python() { return false; }

void serve_embedded(const Options& /*options*/, const ChosenPython& /*python*/) { std::abort(); }

void become_embedded(const Options& /*options*/, const ChosenPython& /*python*/,
                     survive::Channels& /*channels*/) {
  std::abort();
}

}  // namespace replwire::server
