#pragma once

#include <functional>
#include <thread>

namespace replwire::server {

// A named thread on which no signal is ever handled: they are the worker's, Python's main thread.
std::thread start_thread(const char* name, std::function<void()> run);

// Yields the processor to a thread that this one has just woken. The system may have put it on this
// very processor, where it would wait for the end of this time slice while another one is idle.
// Does nothing where there is one processor: the yield might go to any other thread.
void give_way();

}  // namespace replwire::server
