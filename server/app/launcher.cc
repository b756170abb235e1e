// The program of the Python package: it holds no Python, and becomes one.
#include <cstdlib>

#include "server/app/held_python.h"
#include "server/app/installed_into.h"

namespace replwire::server {

bool holds_python() { return false; }

std::string own_python() { return installed_into(); }

void serve_embedded(const Options& /*options*/, const ChosenPython& /*python*/) { std::abort(); }

void become_embedded(const Options& /*options*/, const ChosenPython& /*python*/,
                     survive::Channels& /*channels*/) {
  std::abort();
}

}  // namespace replwire::server
