#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/outcome.h"
#include "server/link/death.h"

// How an interpreter's process came to its end, in the client's terms. Pure functions.
namespace replwire::server {

std::optional<std::string> signal_name(const Death& death);
std::optional<std::int64_t> exit_status(const Death& death);
// In a sentence.
std::string cause_of(const Death& death);

// What the execution that died with it is told. `last_words`: the stack that code itself left
// before it ended the process (os._exit).
runtime::Report crash_report(const Death& death, const std::optional<std::string>& last_words);

// A JSON list of the frames that stand in what the interpreter writes when a deadly signal comes:
// the stack of the thread it met, which may stand behind those of others.
std::string frames_of(const std::string& traceback);

}  // namespace replwire::server
