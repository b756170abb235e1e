#pragma once

#include <exception>
#include <functional>
#include <string>

#include "runtime/interpreter.h"
#include "server/link/stack_files.h"
#include "server/serve/local.h"
#include "server/system/options.h"

namespace replwire::server {

inline constexpr int kWrongUsage = 2;  // exit status

// A child that user code forks is to hold nothing of ours.
void watch_forks();

// Python runs, and then what the options say is there. `remark` is told what is worth knowing.
// `of_its_own`: the process is the interpreter's, and the server has another. Returns what went
// wrong, or nothing.
std::string start_interpreter(const Options& options, runtime::Interpreter& interpreter,
                              const StartPython& start, const StackFiles& files,
                              const runtime::InterpreterControl& control, bool of_its_own,
                              const std::function<void(const std::string&)>& remark);

}  // namespace replwire::server
