// The program of the Python package: it holds no Python, and so links none of the server.
#include <cstdlib>

#include "server/held_python.h"

namespace replwire::server {

bool holds_python() { return false; }

int serve_embedded(const Options& /*options*/, const ChosenPython& /*python*/) { std::abort(); }

}  // namespace replwire::server
