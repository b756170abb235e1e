#include "server/session/stop/process_end.h"

#include <unistd.h>

#include <string>

#include "protocol/frames.h"
#include "server/output/output_frames.h"
#include "server/system/process/process_facts.h"
#include "server/system/sandbox/temporary_folder.h"

namespace replwire::server {
namespace {

constexpr int kPatience = 5000;  // milliseconds; for a client that takes nothing

}  // namespace

void ProcessEnd::exit(bool leave_children, int status) const {
  if (!leave_children) end_what_is_left(Spared::kOwnSessions);
  log_.line("the end");
  leave(status);
}

void ProcessEnd::follow_client() const {
  log_.line("the client is gone");
  end_what_is_left(Spared::kNobody);
  leave(0);
}

void ProcessEnd::die(const runtime::ExecutionRef& running, std::string_view reason,
                     std::string_view traceback, int status) const {
  outputs_.close();
  protocol::Fatal fatal = {};
  fatal.reason = reason;
  fatal.exit_status = status;
  fatal.execution_id = id_of(running);
  fatal.traceback = traceback;
  frames_.write(fatal);
  writer_.drain(kPatience);
  leave(status);
}

void ProcessEnd::end_what_is_left(Spared spared) const {
  for (const pid_t pid : processes_.end_all(spared, outputs_.pipes_of_others())) {
    log_.line("process " + std::to_string(pid) +
              " goes on in a session of its own: " + command_of(pid));
  }
}

void ProcessEnd::leave(int status) const {
  remove_temporary_folder(keeper_);
  ::_exit(status);
}

}  // namespace replwire::server
