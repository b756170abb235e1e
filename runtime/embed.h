#pragma once

#include <string>

namespace replwire::runtime {

// Starts the embedded interpreter as `python3` would start. The calling thread becomes Python's
// main thread and holds the GIL. Returns what went wrong, or nothing.
std::string start_embedded_python();

}  // namespace replwire::runtime
