#pragma once

#include <string>
#include <vector>

namespace replwire::server {

// What `ps` shows of this process: `replwire` and these words, where its command line was.
void set_process_title(const std::vector<std::string>& words);

}  // namespace replwire::server
