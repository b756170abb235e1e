#include "server/serve/start_interpreter.h"

#include <unistd.h>

#include <cstdio>

#include "runtime/execution/interrupts.h"
#include "runtime/os/forked.h"
#include "runtime/os/memory_limit.h"
#include "runtime/os/stack_dump.h"
#include "server/system/descriptors/private_range.h"
#include "server/system/outside_signals.h"

namespace replwire::server {
namespace {

std::string start_ipython(const Options& options, runtime::Interpreter& interpreter) {
  if (options.loads_ipython_late()) return {};
  const std::string& when = options.ipython;
  const bool wanted = when == "always" || (when == "auto" && runtime::Ipython::is_installed());
  const std::string failure = wanted ? interpreter.use_ipython() : std::string();
  return failure.empty() ? failure : "--ipython: " + failure;
}

}  // namespace

void watch_forks() {
  runtime::watch_forks([] {
    PrivateRange::close_in_child();
    OutsideSignals::forget_in_child();
    runtime::memory_limit::forget_in_child();
  });
}

std::string start_interpreter(const Options& options, runtime::Interpreter& interpreter,
                              const StartPython& start, const StackFiles& files,
                              const runtime::InterpreterControl& control, bool of_its_own,
                              const std::function<void(const std::string&)>& remark) {
  std::string failure = start();
  if (!failure.empty()) return failure;
  OutsideSignals::install(control, of_its_own);
  OutsideSignals::give_own_interrupts(runtime::interrupts::raise_own);
  const auto [ours, of_python] = OutsideSignals::handlers_of_sigint();
  runtime::interrupts::know_handlers(ours, of_python);
  if (!interpreter.start(options.memory_limit) ||
      !runtime::Interpreter::note_crashes(files.crash.get()) ||
      !runtime::stack_dump::install(files.asked.get(), files.told.get())) {
    return "Python did not start: " + runtime::one_line(runtime::take_exception());
  }
  if (options.jedi && !interpreter.use_jedi()) {
    remark("--complete jedi: this Python has no module jedi; completing without it");
  }
  if (options.figure_format != "png") interpreter.set_figure_format(options.figure_format);
  interpreter.set_position_encoding(options.position_encoding);
  if (options.width) interpreter.tell_window({*options.width, 0});
  failure = start_ipython(options, interpreter);
  if (!failure.empty() || options.startup.empty()) return failure;
  failure = interpreter.run_startup(options.startup);
  return failure.empty() ? failure : options.startup + ": " + failure;
}

}  // namespace replwire::server
