#pragma once

#include <sys/types.h>

#include "server/system/descriptors/descriptor.h"

// Processes by pidfd, so that a number used again hits nobody else.
namespace replwire::server {

// None when there is no such process, or no number free.
Descriptor open_process(pid_t pid);
void send_signal(const Descriptor& process, int signal);

}  // namespace replwire::server
