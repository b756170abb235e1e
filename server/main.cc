#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include "protocol/codec.h"
#include "runtime/forked.h"
#include "runtime/interpreter.h"
#include "runtime/memory_limit.h"
#include "runtime/plain_value.h"
#include "server/asio.h"
#include "server/frame_writer.h"
#include "server/heartbeat.h"
#include "server/last_words.h"
#include "server/local_link.h"
#include "server/log.h"
#include "server/options.h"
#include "server/output_frames.h"
#include "server/outputs.h"
#include "server/outside_signals.h"
#include "server/private_range.h"
#include "server/process_facts.h"
#include "server/serve.h"
#include "server/session.h"
#include "server/standard_streams.h"
#include "server/stdin_reader.h"
#include "server/threads.h"
#include "server/worker_stack.h"

namespace replwire::server {
namespace {

constexpr int kWrongUsage = 2;

protocol::Limits limits(const Options& options) {
  protocol::Limits limits = {};
  limits.max_frame_bytes = static_cast<std::int64_t>(options.max_frame_bytes);
  limits.max_depth = protocol::kMaxDepth;
  limits.id_bytes = protocol::kIdBytes;
  limits.output_frame_bytes = kOutputFrameBytes;
  limits.output_get_bytes = Spools::kMostRead;
  limits.repr_bytes = runtime::kReprBytes;
  limits.value_bytes = runtime::kValueBytes;
  limits.traceback_bytes = runtime::kTracebackBytes;
  limits.prompt_bytes = runtime::kPromptBytes;
  limits.display_bytes = runtime::kDisplayBytes;
  limits.inquiry_bytes = runtime::kInquiryBytes;
  limits.queue_bytes = static_cast<std::int64_t>(options.queue_bytes);
  limits.output_buffer = static_cast<std::int64_t>(options.output_buffer);
  limits.stack_frames = runtime::stack_dump::kMostFrames;
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

[[noreturn]] void wait_for_exit() {
  for (;;) ::pause();
}

// All parts of the server, built in order; the first thread is the worker, which runs Python until
// the session is over.
class Server {
 public:
  Server(const Options& options, StandardStreams streams, StartPython start)
      : options_(options),
        start_(std::move(start)),
        error_(std::move(streams.error)),
        log_(options.log, error_.get()),
        writer_(io_, std::move(streams.output), options.output_buffer / 2,
                {[this] { session_.drained(); }, [this] { session_.client_gone(); },
                 [] { Session::descriptors_gone(); }}),
        outputs_(io_, writer_, capture_, options.output_buffer),
        link_(outputs_),
        stack_(io_, link_),
        session_({io_, writer_, outputs_, link_, stack_, log_}, options,
                 [this](bool held) { reader_.hold(held); }),
        reader_(io_, std::move(streams.input), options.max_frame_bytes,
                {[this](std::vector<Incoming> frames) { session_.take(std::move(frames)); },
                 [this] { session_.end_input(); }}),
        signals_(io_,
                 [this](const OutsideSignals::Message& message) {
                   message.signal == SIGINT
                       ? session_.interrupt_from_outside(message.running, message.by_terminal)
                       : session_.shut_down_from_outside();
                 }),
        crash_stack_(::memfd_create("replwire", MFD_CLOEXEC)) {
    capture_.redirect();
    if (options.heartbeat) heartbeat_.emplace(io_, *options.heartbeat, [this] { session_.beat(); });
    interpreter_.emplace(link_);
    link_.connect([this](runtime::Event event) { session_.receive(std::move(event)); },
                  [this](const runtime::Inquiry& inquiry) { answer(inquiry); });
  }

  // Returns only when it could not start: with the exit status.
  int run(const std::string& why) {
    if (log_.failed()) return fail("--log: cannot write to " + options_.log);
    log_.line("Python: " + why);
    // One for the reader, one for all the rest: capture, timers, signals, a client that is behind.
    const std::array threads = {start_thread("io", [this] { io_.run(); }),
                                start_thread("io", [this] { io_.run(); })};
    last_words::install(writer_, outputs_, crash_stack_.get());
    runtime::watch_forks([] {
      PrivateRange::close_in_child();
      OutsideSignals::forget_in_child();
      runtime::memory_limit::forget_in_child();
    });
    const std::string failure = start_python();
    if (!failure.empty()) return fail(failure);
    session_.open(ready(options_, interpreter_->facts()));
    log_.line("ready");
    if (heartbeat_) heartbeat_->start();
    asio::post(io_, [this] { reader_.run(); });
    interpreter_->serve();
    interpreter_->run_exit_handlers();
    session_.finish();
    const runtime::GilRelease released;
    wait_for_exit();
  }

 private:
  void answer(const runtime::Inquiry& inquiry) {
    std::optional<runtime::Told> told;
    {
      const runtime::GilHold held;
      told = interpreter_->answer(inquiry);
    }
    link_.send(*std::move(told));
  }

  // What went wrong, or nothing.
  std::string start_python() {
    std::string failure = start_();
    if (!failure.empty()) return failure;
    OutsideSignals::install();
    if (!interpreter_->start(options_.memory_limit) ||
        !runtime::Interpreter::note_crashes(crash_stack_.get()) || !stack_.install()) {
      return "Python did not start: " + runtime::one_line(runtime::take_exception());
    }
    if (options_.jedi && !interpreter_->use_jedi()) {
      say("--complete jedi: this Python has no module jedi; completing without it");
    }
    if (options_.figure_format != "png") interpreter_->set_figure_format(options_.figure_format);
    if (options_.startup.empty()) return {};
    failure = interpreter_->run_startup(options_.startup);
    return failure.empty() ? failure : options_.startup + ": " + failure;
  }

  // To the real standard error: nothing of the protocol has been said yet.
  void say(const std::string& message) const {
    const std::string line = "replwire: " + message + "\n";
    [[maybe_unused]] const auto written = ::write(error_.get(), line.data(), line.size());
  }

  int fail(const std::string& message) const {
    say(message);
    ::_exit(kWrongUsage);
  }

  const Options& options_;
  StartPython start_;
  Descriptor error_;
  Log log_;
  asio::io_context io_{2};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  Capture capture_{io_};
  FrameWriter writer_;
  Outputs outputs_;
  LocalLink link_;
  WorkerStack stack_;
  Session session_;
  StdinReader reader_;
  OutsideSignals signals_;
  std::optional<Heartbeat> heartbeat_;
  Descriptor crash_stack_;
  std::optional<runtime::Interpreter> interpreter_;
};

}  // namespace

int serve(const Options& options, const TakeStreams& take, StartPython start,
          const std::string& why) {
  std::optional<Server> server;
  {
    const PrivateRange range;
    server.emplace(options, take(), std::move(start));
  }
  return server->run(why);
}

}  // namespace replwire::server
