#pragma once

#include <functional>
#include <thread>

namespace replwire::server {

// A named thread on which no signal is ever handled: they are the worker's, Python's main thread.
std::thread start_thread(const char* name, std::function<void()> run);

}  // namespace replwire::server
