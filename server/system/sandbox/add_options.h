#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "server/system/options.h"

namespace replwire::server {

void add_sandbox_options(CLI::App& app, Options& options);

// What is wrong with them together; empty when nothing is.
std::string wrong_sandbox(const Options& options);

}  // namespace replwire::server
