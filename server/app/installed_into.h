#pragma once

#include <string>

namespace replwire::server {

// Of a program that an installer of Python packages has put among an environment's commands: that
// virtual environment, or the interpreter. Empty where nothing tells.
std::string installed_into();

}  // namespace replwire::server
