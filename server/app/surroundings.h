#pragma once

#include <string>

// What a program is started with besides its arguments, put in order before anything else runs.
namespace replwire::server {

// Standard streams that the parent left closed become the null device, so that nothing else gets
// their numbers; signals that it had blocked arrive.
void settle_surroundings();

// As process 1 (of a container) a program gets all orphans, which nobody reaps, and is spared the
// deadly signals that it sends itself. Then another process goes on, as whose child it is to serve;
// this one reaps, hands on the signals that end a session, and ends as that one does.
void leave_process_one();

}  // namespace replwire::server
