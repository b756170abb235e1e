#include "server/serve/interpreter_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "runtime/execution/visit.h"
#include "runtime/interpreter.h"
#include "runtime/os/forked.h"
#include "runtime/os/memory_limit.h"
#include "server/serve/start_interpreter.h"
#include "server/survive/interpreter/socket_link.h"
#include "server/system/descriptors/private_range.h"
#include "server/system/outside_signals.h"

namespace replwire::server::survive {
namespace {

// Registered before all other handlers, so it comes last. C would write its files only then. The
// server ends the process: until then it is seen what this one has started. `ending`: the link,
// once the session is over.
void say_that_it_has_ended(int /*status*/, void* ending) {
  SocketLink* const link = *static_cast<SocketLink**>(ending);
  if (link == nullptr || runtime::in_forked_child()) return;
  std::fflush(nullptr);
  link->say(Ended{});
  for (;;) ::pause();
}

// It is mapped: code that writes to all descriptors that it finds does not mean this.
void forget_descriptor(const SharedOutput& output) {
  const Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ::dup3(nothing.get(), output.descriptor(), O_CLOEXEC);
}

}  // namespace

int run_interpreter(const Options& options, Channels& channels, const StartPython& start) {
  runtime::memory_limit::prepare(options.memory_limit);
  forget_descriptor(channels.output);
  auto& link = *new SocketLink(channels);  // never deleted: its thread lives as long as the process
  runtime::InterpreterControl& control = channels.output.control();
  control.go_on_at_rest();  // the one before may have died in the middle of something
  channels.capture.redirect();
  watch_forks();
  auto& ending = *new SocketLink*(nullptr);
  ::on_exit(say_that_it_has_ended, &ending);
  auto& made = *new std::optional<runtime::Interpreter>();
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
    const runtime::Visit visit;
    return interpreter.answer(inquiry);
  });
  const int status = interpreter.serve();
  ending = &link;
  interpreter.end();
  made.reset();
  return status;
}

int run_handed_interpreter(const Options& options, const std::vector<int>& channels,
                           const StartPython& start) {
  // Never deleted: see serve().
  return run_interpreter(options, *new Channels(channels), start);
}

}  // namespace replwire::server::survive
