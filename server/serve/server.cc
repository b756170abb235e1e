#include "server/serve/server.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iterator>
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

Server::Server(const Options& options, StandardStreams streams, HostedSession::Shared shared,
               const HostedSession::MakeLink& make_link, SessionHost* host, Incoming incoming)
    : options_(options),
      error_(std::move(streams.error)),
      log_(options.log, error_.get()),
      recording_(options.record),
      host_(host),
      writer_(io_, std::move(streams.output), options.output_buffer / 2,
              {[this] { drained(); }, [this] { session().client_gone(); },
               [] { descriptors_gone(); }, [this](int error) { output_failed(error); }}),
      first_(
          {io_, writer_, log_, options, host}, {}, std::move(shared), make_link,
          [this](bool held) { hold_reader(held); },
          [this](const OutsideSignals::Message& message) { signalled(message); }),
      reader_(io_, std::move(streams.input),
              {options.max_frame_bytes, options.survive, options.strict, &recording_}, writer_,
              {[this](std::vector<server::Incoming> frames) { take(std::move(frames)); },
               [this] { end_input(); }},
              std::move(incoming)) {
  writer_.record_to(recording_);
  asio::post(io_, [this] { reader_.run(); });
  if (options.heartbeat) {
    heartbeat_.emplace(io_, *options.heartbeat,
                       [this] { for_all([](Session& session) { session.beat(); }); });
  }
}

// ---- what is for several sessions -----------------------------------------------------------

void Server::for_all(const std::function<void(Session&)>& visit) {
  visit(session());
  if (host_ == nullptr) return;
  for (const auto& each : host_->all()) visit(*each);
}

// In their order; those that follow one another for the same session go there together.
void Server::take(std::vector<server::Incoming> frames) {
  for (server::Incoming& each : frames) {
    if (each.session) direct(each);
  }
  for (auto next = frames.begin(); next != frames.end();) {
    const auto name = next->session;
    const auto end = std::find_if(
        next, frames.end(), [&name](const server::Incoming& each) { return each.session != name; });
    // One that has been closed meanwhile is a session that has ended.
    const auto branch = name ? host_->find(*name) : nullptr;
    if (branch || !name) {
      (branch ? *branch : session())
          .take({std::make_move_iterator(next), std::make_move_iterator(end)});
      next = end;
    } else {
      direct(*next);
    }
  }
}

// What names no branch goes to the first session, which says so, and what is for all does.
void Server::direct(server::Incoming& incoming) {
  const std::string name = *incoming.session;
  const bool known = host_ != nullptr && host_->find(name) != nullptr;
  auto* request = std::get_if<protocol::Request>(&incoming.frame);
  const bool for_first =
      request != nullptr && (std::holds_alternative<protocol::Close>(*request) ||
                             std::holds_alternative<protocol::Shutdown>(*request));
  if (known && !for_first) return;
  incoming.session.reset();
  if (request == nullptr || (host_ != nullptr && std::holds_alternative<protocol::Close>(*request)))
    return;
  if (known) return;
  incoming.frame = std::visit(
      [&]<class Request>(Request& refused) {
        return protocol::ProtocolError{
            protocol::ErrorCode::kInvalidField,
            std::string(Request::kType) + ": /session: there is no \"" + name + '"',
            std::move(refused.id), incoming.line};
      },
      *request);
}

void Server::end_input() {
  session().end_input();
  if (host_ != nullptr) host_->end_input();
}

void Server::hold_reader(bool held) {
  const std::lock_guard lock(holding_);
  holders_ += held ? 1 : -1;
  reader_.hold(holders_ > 0);
}

// A key that was pressed is meant for whatever runs, and a wish that it ends for all of it.
void Server::signalled(const OutsideSignals::Message& message) {
  session().signalled(message);
  if (host_ == nullptr || (message.signal == SIGINT && !message.by_terminal)) return;
  for (const auto& each : host_->all()) each->signalled(message);
}

void Server::start_log(const std::string& why) {
  if (log_.failed()) fail("--log: cannot write to " + options_.log);
  if (recording_.failed()) fail("--record: cannot write to " + options_.record);
  log_.line("Python: " + why);
}

void Server::open(const runtime::PythonFacts& python, pid_t pid) {
  session().open(ready(options_, python, pid));
  log_.line("ready");
  if (heartbeat_) heartbeat_->start();
  reader_.hold(false);
}

void Server::drained() {
  for_all([](Session& session) { session.drained(); });
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
