#pragma once

#include <string_view>

#include "runtime/link.h"
#include "server/output/outputs.h"
#include "server/session/frame_sink.h"
#include "server/session/recovery/interpreter_processes.h"
#include "server/system/log.h"
#include "server/wire/frame_writer.h"

namespace replwire::server {

// The end of the process, in its three forms, with what user code has started. Session calls it
// with its lock held: nobody else is to end the process before its descendants are.
class ProcessEnd {
 public:
  ProcessEnd(const InterpreterProcesses& processes, Outputs& outputs, FrameSink& frames,
             FrameWriter& writer, Log& log, int keeper)
      : processes_(processes),
        outputs_(outputs),
        frames_(frames),
        writer_(writer),
        log_(log),
        keeper_(keeper) {}

  // The session is over, and the client has all of it. `leave_children`: what it started goes on.
  [[noreturn]] void exit(bool leave_children, int status) const;
  // Nobody is left to tell anything.
  [[noreturn]] void follow_client() const;
  // There is no way to go on, which the last frame says. `running`: what runs; null: nothing.
  [[noreturn]] void die(const runtime::ExecutionRef& running, std::string_view reason,
                        std::string_view traceback, int status) const;

 private:
  void end_what_is_left(Spared spared) const;
  [[noreturn]] void leave(int status) const;

  const InterpreterProcesses& processes_;
  Outputs& outputs_;
  FrameSink& frames_;
  FrameWriter& writer_;
  Log& log_;
  const int keeper_;  // see SandboxOptions
};

}  // namespace replwire::server
