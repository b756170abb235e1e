#include "server/serve/server.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <system_error>

#include "protocol/codec.h"
#include "runtime/answers/python_json.h"
#include "server/output/last_words.h"
#include "server/output/output_frames.h"
#include "server/serve/start_interpreter.h"
#include "server/system/process/descendants.h"
#include "server/system/process/process_facts.h"
#include "server/system/sandbox/landlock.h"

namespace replwire::server {
namespace {

constexpr int kBroken = 70;        // exit status
constexpr int kOutputFailed = 74;  // EX_IOERR of sysexits.h

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
  limits.call_bytes = runtime::kCallBytes;
  limits.inquiry_bytes = runtime::kInquiryBytes;
  limits.queue_bytes = static_cast<std::int64_t>(options.queue_bytes);
  limits.output_buffer = static_cast<std::int64_t>(options.output_buffer);
  limits.stack_frames = runtime::stack_dump::kMostFrames;
  if (options.queue_limit) limits.queue_limit = static_cast<std::int64_t>(*options.queue_limit);
  return limits;
}

protocol::SandboxInfo sandbox_info(const SandboxOptions& options) {
  protocol::SandboxInfo info = {};
  const bool writes = options.filesystem == SandboxOptions::Filesystem::kWorkspace;
  info.filesystem =
      writes ? protocol::SandboxFilesystem::kWorkspace : protocol::SandboxFilesystem::kReadOnly;
  info.write = options.writable;
  info.network = options.network ? protocol::SandboxNetwork::kAll : protocol::SandboxNetwork::kNone;
  info.mechanisms = {"landlock-" + std::to_string(landlock::version()), "seccomp"};
  return info;
}

protocol::Ready ready(const Options& options, const runtime::PythonFacts& python, pid_t pid) {
  protocol::Ready frame = {};
  frame.session_id = random_id();
  frame.pid = ::getpid();
  frame.server = {"replwire", REPLWIRE_VERSION};
  frame.python = {python.version, python.implementation, python.executable, python.prefix, pid};
  frame.position_encoding = options.position_encoding;
  frame.capabilities.text = protocol::capabilities(options.survive);
  frame.limits = limits(options);
  if (options.sandbox.on()) frame.sandbox = sandbox_info(options.sandbox);
  return frame;
}

}  // namespace

void descriptors_gone() { last_words::die("the server's own descriptors were closed", kBroken); }

void cannot_start(const std::exception& error) {
  std::fprintf(stderr, "replwire: cannot start: %s\n", error.what());
  ::_exit(kWrongUsage);
}

Server::Server(const Options& options, StandardStreams streams, Shared shared,
               const MakeLink& make_link)
    : options_(options),
      error_(std::move(streams.error)),
      log_(options.log, error_.get()),
      recording_(options.record),
      capture_(io_, shared.capture),
      writer_(io_, std::move(streams.output), options.output_buffer / 2,
              {[this] { drained(); }, [this] { session_.client_gone(); },
               [] { descriptors_gone(); }, [this](int error) { output_failed(error); }}),
      outputs_(io_, writer_, capture_, options.output_buffer, shared.output),
      link_(make_link(io_, outputs_)),
      stack_(io_, *link_, shared.stack),
      session_({io_, writer_, outputs_, *link_, stack_, log_}, options,
               [this](bool held) { reader_.hold(held); }),
      reader_(io_, std::move(streams.input),
              {options.max_frame_bytes, options.survive, options.strict, &recording_}, writer_,
              {[this](std::vector<Incoming> frames) { session_.take(std::move(frames)); },
               [this] { session_.end_input(); }},
              {link_->incoming(), [this] { link_->take_incoming(); }}),
      signals_(io_, std::move(shared.signals),
               [this](const OutsideSignals::Message& message) { session_.signalled(message); }) {
  writer_.record_to(recording_);
  asio::post(io_, [this] { reader_.run(); });
  if (options.heartbeat) heartbeat_.emplace(io_, *options.heartbeat, [this] { session_.beat(); });
}

void Server::start_log(const std::string& why) {
  if (log_.failed()) fail("--log: cannot write to " + options_.log);
  if (recording_.failed()) fail("--record: cannot write to " + options_.record);
  log_.line("Python: " + why);
}

void Server::open(const runtime::PythonFacts& python, pid_t pid) {
  session_.open(ready(options_, python, pid));
  log_.line("ready");
  if (heartbeat_) heartbeat_->start();
  reader_.hold(false);
}

void Server::drained() {
  session_.drained();
  reader_.replies_drained();
}

// A file at its limit, a full disk: a client that reads the file later must not take it for whole.
void Server::output_failed(int error) const {
  say("cannot write to standard output: " + std::generic_category().message(error));
  Descendants::find(::getpid()).signal(SIGKILL);
  ::_exit(kOutputFailed);
}

void Server::say(const std::string& message) const {
  const std::string line = "replwire: " + message + "\n";
  [[maybe_unused]] const auto written = ::write(error_.get(), line.data(), line.size());
}

void Server::fail(const std::string& message) const {
  say(message);
  ::_exit(kWrongUsage);
}

}  // namespace replwire::server
