#pragma once

#include <array>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/serve/hosted_session.h"
#include "server/session/heartbeat.h"
#include "server/system/asio.h"
#include "server/system/descriptors/standard_streams.h"
#include "server/system/log.h"
#include "server/system/options.h"
#include "server/system/outside_signals.h"
#include "server/wire/frame_writer.h"
#include "server/wire/stdin_reader.h"

namespace replwire::server {

// What the system has too little of, said on standard error.
[[noreturn]] void cannot_start(const std::exception& error);

// User code closed descriptors of the server: the process ends.
[[noreturn]] void descriptors_gone();

// All parts that serve a client, built in order, whatever process the interpreter runs in. Lives as
// long as the process.
class Server {
 public:
  // What the reader's thread sees to as well; see StdinReader.
  using Incoming = StdinReader::LinkSocket;

  // `host`: of the branches; null: there can be none.
  Server(const Options& options, StandardStreams streams, HostedSession::Shared shared,
         const HostedSession::MakeLink& make_link, SessionHost* host = nullptr,
         Incoming incoming = {-1, {}});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Exits when --log or --record cannot be written.
  void start_log(const std::string& why);
  void open(const runtime::PythonFacts& python, pid_t pid);

  // To the real standard error: nothing of the protocol has been said yet.
  void say(const std::string& message) const;
  [[noreturn]] void fail(const std::string& message) const;

  asio::io_context& io() { return io_; }
  FrameWriter& writer() { return writer_; }
  Log& log() { return log_; }
  Outputs& outputs() { return first_.outputs(); }
  Session& session() { return first_.session(); }
  const Session& session() const { return first_.session(); }
  const Options& options() const { return options_; }

  // For any session: while one of them holds it, the reader reads no further.
  void hold_reader(bool held);

 private:
  void take(std::vector<server::Incoming> frames);
  void direct(server::Incoming& incoming);
  void for_all(const std::function<void(Session&)>& visit);
  void end_input();
  void signalled(const OutsideSignals::Message& message);
  void drained();
  [[noreturn]] void output_failed(int error) const;

  const Options& options_;
  Descriptor error_;
  Log log_;
  Recording recording_;
  asio::io_context io_{2};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  SessionHost* const host_;
  FrameWriter writer_;
  HostedSession first_;
  StdinReader reader_;
  std::mutex holding_;  // of what follows
  int holders_ = 0;
  std::optional<Heartbeat> heartbeat_;
};

}  // namespace replwire::server
