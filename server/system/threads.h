#pragma once

#include <functional>
#include <thread>

namespace replwire::server {

// A named thread on which no signal is ever handled: they are the worker's, Python's main thread.
std::thread start_thread(const char* name, std::function<void()> run);

// The system may wake a thread on the processor of who wakes it, where it waits for that one's time
// slice while another processor idles. Lets it go first. With one processor it would be anybody.
void give_way();

}  // namespace replwire::server
