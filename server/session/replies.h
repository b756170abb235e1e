#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/frames.h"
#include "runtime/link.h"
#include "server/link/worker_stack.h"

// What the interpreter says, as the frame that says it: pure functions, one per alternative, so
// that a new alternative does not compile before it has its frame. A ReplyOnce fills in the id of
// the request.
namespace replwire::server::replies {

// What is known of the end of an execution beside its outcome.
struct Ended {
  double seconds = 0;
  bool timed_out = false;
  bool restored = false;              // it has left nothing behind
  bool kept = true;                   // a snapshot has what it changed, if one is to
  std::optional<std::string> signal;  // that ended its interpreter
  std::optional<std::int64_t> exit_status;
  std::optional<std::int64_t> count;
  std::optional<std::int64_t> inputs_unused;
  std::int64_t interrupts = 0;
};

protocol::Result final_frame(const runtime::Completed& completed, const Ended& how);
protocol::Error final_frame(const runtime::Raised& raised, const Ended& how);
protocol::Error final_frame(const runtime::Interrupted& interrupted, const Ended& how);
protocol::Error final_frame(const runtime::OutOfMemory& memory, const Ended& how);
protocol::Error final_frame(const runtime::Exited& exited, const Ended& how);
protocol::SaveReply final_frame(const runtime::Saved& saved, const Ended& how);
protocol::LoadReply final_frame(const runtime::Loaded& loaded, const Ended& how);
protocol::Error error(protocol::ErrorReason reason, const runtime::Report& report,
                      const Ended& how);
// Of an execution that was taken out of the queue.
protocol::Error never_ran(protocol::ErrorReason reason, std::string message = {});

protocol::CompleteReply reply(runtime::Completions& told);
protocol::InspectReply reply(runtime::Inspection& told);
protocol::IsCompleteReply reply(runtime::Completeness& told);
protocol::VariablesReply reply(runtime::VariableList& told);
protocol::DebugReply reply(runtime::Listening& told);

// These borrow from the event.
protocol::Display event(const runtime::Display& display);
protocol::ClearOutput event(const runtime::ClearOutput& clear);
protocol::Value event(const runtime::Value& value);
protocol::Progress event(const runtime::Progress& progress);
using CommEvent =
    std::variant<protocol::CommOpenEvent, protocol::CommMsgEvent, protocol::CommCloseEvent>;
CommEvent event(const runtime::CommSent& sent);
protocol::Input event(const runtime::NeedInput& question, std::string id);
protocol::Call call(const runtime::NeedInput& question, std::string id);

// Nothing when there is none to be had.
std::optional<std::vector<protocol::StackEntry>> stack_of(const WorkerStack::Outcome& outcome);
// As the interpreter prints one.
std::string text_of(const std::optional<std::vector<protocol::StackEntry>>& stack);

// Why a question closes whose interpreter is gone.
protocol::InputClosedReason closed_by(protocol::RestoredCause cause);

}  // namespace replwire::server::replies
