#include "server/serve/interpreter_process.h"

#include <unistd.h>

#include <optional>

#include "runtime/interpreter.h"
#include "runtime/memory_limit.h"
#include "server/serve/start_interpreter.h"
#include "server/survive/interpreter/socket_link.h"
#include "server/system/outside_signals.h"
#include "server/system/private_range.h"

namespace replwire::server::survive {

void run_interpreter(const Options& options, Channels& channels, const StartPython& start) {
  runtime::memory_limit::prepare(options.memory_limit);
  SocketLink link(channels);
  runtime::InterpreterControl& control = channels.output.control();
  control.go_on_at_rest();  // the one before may have died in the middle of something
  channels.capture.redirect();
  watch_forks();
  std::optional<runtime::Interpreter> made;
  {
    const PrivateRange range;
    made.emplace(link, control);
  }
  runtime::Interpreter& interpreter = *made;
  Started started;
  started.failure = start_interpreter(
      options, interpreter, start, channels.stack, control, true,
      [&started](const std::string& remark) { started.remarks.push_back(remark); });
  const bool failed = !started.failure.empty();
  if (!failed) started.python = interpreter.facts();
  link.say(started);
  if (failed) ::_exit(kWrongUsage);
  link.serve_inquiries([&interpreter](const runtime::Inquiry& inquiry) {
    const runtime::GilHold held;
    return interpreter.answer(inquiry);
  });
  interpreter.serve();
  interpreter.run_exit_handlers();
  link.say(Ended{});
  ::_exit(0);
}

void run_handed_interpreter(const Options& options, const std::vector<int>& channels,
                            const StartPython& start) {
  static auto& found = *new Channels(channels);  // never destroyed: see serve()
  run_interpreter(options, found, start);
}

}  // namespace replwire::server::survive
