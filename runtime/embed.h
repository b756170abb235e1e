#pragma once

#include <string>
#include <vector>

namespace replwire::runtime {

// Starts the embedded interpreter as `executable` would start on that command line, which holds no
// more than its name and switches. It has to be a real interpreter, or multiprocessing, venv and
// subprocess break; of a virtual environment, Python finds the rest from its path. The calling
// thread becomes Python's main thread and holds the GIL. Returns what went wrong, or nothing.
std::string start_embedded_python(std::vector<std::string> line, const std::string& executable);

// Python's end, then C's, then that of the process. On Python's main thread, with the GIL.
[[noreturn]] void end_embedded_python(int status);

}  // namespace replwire::runtime
