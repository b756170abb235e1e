#pragma once

#include "server/chosen_python.h"
#include "server/options.h"

// The Python in this program, if it was built with one: server/embedded.cc, or server/launcher.cc.
namespace replwire::server {

bool holds_python();

// Runs the session in it; does not return.
int serve_embedded(const Options& options, const ChosenPython& python);

}  // namespace replwire::server
