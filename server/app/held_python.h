#pragma once

#include <string>

#include "server/app/chosen_python.h"
#include "server/survive/wire/channels.h"
#include "server/system/options.h"

// The Python in this program, if it was built with one: server/embedded.cc, or server/launcher.cc.
namespace replwire::server {

bool holds_python();

// Of the program that holds none: what it was installed into, if that can be told.
std::string own_python();

// Runs the session in it.
[[noreturn]] void serve_embedded(const Options& options, const ChosenPython& python);

// Runs it as the interpreter of a session that another process serves.
[[noreturn]] void become_embedded(const Options& options, const ChosenPython& python,
                                  survive::Channels& channels);

}  // namespace replwire::server
