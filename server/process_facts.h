#pragma once

#include <cstdint>
#include <string>

namespace replwire::server {

std::int64_t resident_bytes();
double cpu_seconds();  // of the whole process
std::string random_id();

}  // namespace replwire::server
