#pragma once

#include <array>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "server/link/interpreter_link.h"
#include "server/link/stack_files.h"
#include "server/link/worker_stack.h"
#include "server/output/capture.h"
#include "server/output/outputs.h"
#include "server/session/heartbeat.h"
#include "server/session/session.h"
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
  using MakeLink = std::function<std::unique_ptr<InterpreterLink>(asio::io_context&, Outputs&)>;

  // What the interpreter's process shares with this one, if it is another one.
  struct Shared {
    CapturePipes& capture;
    StackFiles& stack;
    SharedOutput* output;  // null: there is one process
    Descriptor signals;    // where OutsideSignals notes
  };

  Server(const Options& options, StandardStreams streams, Shared shared, const MakeLink& make_link);
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
  Outputs& outputs() { return outputs_; }
  Session& session() { return session_; }
  const Options& options() const { return options_; }

 private:
  void drained();
  [[noreturn]] void output_failed(int error) const;

  const Options& options_;
  Descriptor error_;
  Log log_;
  Recording recording_;
  asio::io_context io_{2};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  Capture capture_;
  FrameWriter writer_;
  Outputs outputs_;
  std::unique_ptr<InterpreterLink> link_;
  WorkerStack stack_;
  Session session_;
  StdinReader reader_;
  OutsideSignals signals_;
  std::optional<Heartbeat> heartbeat_;
};

}  // namespace replwire::server
