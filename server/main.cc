#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "protocol/codec.h"
#include "runtime/embed.h"
#include "runtime/forked.h"
#include "runtime/interpreter.h"
#include "runtime/plain_value.h"
#include "server/asio.h"
#include "server/frame_writer.h"
#include "server/inbox.h"
#include "server/local_link.h"
#include "server/log.h"
#include "server/options.h"
#include "server/outputs.h"
#include "server/outside_signals.h"
#include "server/process_facts.h"
#include "server/session.h"
#include "server/standard_streams.h"
#include "server/stdin_reader.h"
#include "server/threads.h"

namespace replwire::server {
namespace {

constexpr int kWrongUsage = 2;

protocol::Limits limits(const Options& options) {
  protocol::Limits limits = {};
  limits.max_frame_bytes = static_cast<std::int64_t>(options.max_frame_bytes);
  limits.max_depth = protocol::kMaxDepth;
  limits.output_frame_bytes = 60 * 1024;
  limits.repr_bytes = 64 * 1024;
  limits.value_bytes = runtime::kValueBytes;
  limits.traceback_bytes = 4 * 64 * 1024;
  limits.prompt_bytes = 0;
  limits.queue_bytes = static_cast<std::int64_t>(options.queue_bytes);
  limits.output_buffer = static_cast<std::int64_t>(options.output_buffer);
  if (options.queue_limit) limits.queue_limit = static_cast<std::int64_t>(*options.queue_limit);
  return limits;
}

protocol::Ready ready(const Options& options, runtime::PythonFacts python) {
  protocol::Ready frame = {};
  frame.session_id = random_id();
  frame.pid = ::getpid();
  frame.server = {"replwire", REPLWIRE_VERSION};
  frame.python = {std::move(python.version), std::move(python.implementation),
                  std::move(python.executable), std::move(python.prefix), ::getpid()};
  frame.capabilities.text = protocol::capabilities();
  frame.limits = limits(options);
  return frame;
}

void greet_terminal() {
  if (::isatty(0) == 0 || ::isatty(1) == 0) return;
  std::fputs(
      "replwire: a Python session over pipes; type one JSON frame per line, such as "
      "{\"type\":\"execute\",\"code\":\"1+1\"}, end with Ctrl-D; see replwire --help\n",
      stderr);
}

int fail(const std::string& message) {
  std::fprintf(stderr, "replwire: %s\n", message.c_str());
  return kWrongUsage;
}

[[noreturn]] void wait_for_exit() {
  for (;;) ::pause();
}

// The first thread: builds everything in order, then runs Python until the session is over.
int run(const Options& options) {
  StandardStreams streams = StandardStreams::take();
  Log log(options.log, streams.error.get());
  if (log.failed()) return fail("--log: cannot write to " + options.log);

  asio::io_context io(1);
  const auto work = asio::make_work_guard(io);
  Session* session = nullptr;
  FrameWriter writer(io, std::move(streams.output), options.output_buffer / 2,
                     {[&session] { session->drained(); }, [&session] { session->client_gone(); }});
  Outputs outputs(io, writer, options.output_buffer);
  LocalLink link(outputs);
  Inbox<std::vector<Incoming>> inbox(io, [&session](std::vector<Incoming> frames) {
    frames.empty() ? session->end_input() : session->take(std::move(frames));
  });
  StdinReader reader(std::move(streams.input), options.max_frame_bytes,
                     {[&inbox](std::vector<Incoming> frames) { inbox.put(std::move(frames)); },
                      [&inbox] { inbox.put({}); }});
  Session the_session({io, writer, outputs, link, log}, options,
                      [&reader](bool held) { reader.hold(held); });
  session = &the_session;
  link.connect([&session](runtime::Event event) { session->receive(std::move(event)); });

  const std::string failure = runtime::start_embedded_python();
  if (!failure.empty()) return fail(failure);
  runtime::watch_forks([] { OutsideSignals::forget_in_child(); });
  OutsideSignals signals(io, [&session](int signal) {
    if (signal == SIGINT) {
      session->interrupt_from_outside();
    } else {
      session->shut_down_from_outside();
    }
  });
  runtime::Interpreter interpreter(link);
  if (!interpreter.start()) {
    PyErr_Print();
    return fail("Python did not start");
  }
  std::thread io_thread = start_thread("io", [&io] { io.run(); });
  if (!options.startup.empty()) {
    const std::string error = interpreter.run_startup(options.startup);
    if (!error.empty()) {
      fail(options.startup + ": " + error);
      ::_exit(kWrongUsage);
    }
  }
  session->open(ready(options, interpreter.facts()));
  reader.start();
  log.line("ready");
  interpreter.serve();
  interpreter.run_exit_handlers();
  session->finish();
  const runtime::GilRelease released;
  wait_for_exit();
}

}  // namespace
}  // namespace replwire::server

int main(int argc, char** argv) {
  using namespace replwire::server;
  const auto parsed = parse_options(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const Options& options = std::get<Options>(parsed);
  if (!options.cwd.empty() && ::chdir(options.cwd.c_str()) != 0) {
    std::perror("replwire: --cwd");
    return kWrongUsage;
  }
  std::signal(SIGPIPE, SIG_IGN);  // a client that went away is noticed by its pipe
  greet_terminal();
  return run(options);
}
