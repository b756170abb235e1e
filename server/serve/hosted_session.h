#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/link/interpreter_link.h"
#include "server/link/stack_files.h"
#include "server/link/worker_stack.h"
#include "server/output/capture.h"
#include "server/output/outputs.h"
#include "server/session/session.h"
#include "server/session/session_host.h"
#include "server/system/asio.h"
#include "server/system/log.h"
#include "server/system/options.h"
#include "server/system/outside_signals.h"
#include "server/wire/frame_writer.h"

namespace replwire::server {

// One session with all that is its own, built in order, whatever process its interpreter runs in.
class HostedSession {
 public:
  using MakeLink = std::function<std::unique_ptr<InterpreterLink>(asio::io_context&, Outputs&)>;

  // What all sessions have in common.
  struct Common {
    asio::io_context& io;
    FrameWriter& writer;
    Log& log;
    const Options& options;
    SessionHost* host;
  };
  // What the interpreter's process shares with this one, if it is another one.
  struct Shared {
    CapturePipes& capture;
    StackFiles& stack;
    SharedOutput* output;  // null: there is one process
    Descriptor signals;    // where OutsideSignals notes
  };

  // `name`: a branch's; empty: this is the first session.
  HostedSession(const Common& common, const std::string& name, Shared shared,
                const MakeLink& make_link, std::function<void(bool)> hold_reader,
                OutsideSignals::Handler signalled);
  HostedSession(const HostedSession&) = delete;
  HostedSession& operator=(const HostedSession&) = delete;

  Session& session() { return session_; }
  const Session& session() const { return session_; }
  Outputs& outputs() { return outputs_; }
  InterpreterLink& link() { return *link_; }
  WorkerStack& stack() { return stack_; }

 private:
  Capture capture_;
  Outputs outputs_;
  std::unique_ptr<InterpreterLink> link_;
  WorkerStack stack_;
  Session session_;
  OutsideSignals signals_;
};

}  // namespace replwire::server
