#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace replwire::server {

std::int64_t resident_bytes(pid_t process);
double cpu_seconds(pid_t process);  // of all its threads
// The memory that is its own, and its share of what it has in common with others; 0: it is gone.
std::int64_t proportional_bytes(pid_t process);
std::string random_id();

}  // namespace replwire::server
