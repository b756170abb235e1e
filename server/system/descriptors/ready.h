#pragma once

#include <poll.h>

#include <csignal>
#include <ctime>
#include <span>

namespace replwire::server {

// As ppoll(). That refuses to look at more descriptors than a process may open, which user code may
// have made 0: then it is told as pselect() sees it.
int wait_until_ready(std::span<pollfd> states, const timespec* timeout = nullptr,
                     const sigset_t* mask = nullptr);
// Those that are ready now.
int count_ready(std::span<pollfd> states);

}  // namespace replwire::server
