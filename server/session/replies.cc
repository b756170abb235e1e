#include "server/session/replies.h"

#include "protocol/encoder.h"
#include "server/output/output_frames.h"

namespace replwire::server::replies {
namespace {

using protocol::ErrorReason;

std::optional<bool> if_true(bool flag) { return flag ? std::optional(true) : std::nullopt; }

// In the fields of a frame that tells a value.
template <class Frame>
void show(const runtime::Presentation& value, Frame& frame) {
  if (value.repr) frame.repr = *value.repr;
  if (value.value) frame.value = protocol::JsonOf<protocol::AnyValue>{*value.value};
  if (value.display) frame.display = protocol::JsonOf<protocol::DisplayData>{*value.display};
  if (value.display_metadata)
    frame.display_metadata = protocol::JsonOf<protocol::DisplayMetadata>{*value.display_metadata};
  frame.repr_truncated = value.repr_characters;
}

protocol::JsonOf<protocol::ExpressionValues> values_of(
    const std::vector<runtime::ExpressionValue>& expressions) {
  std::string json = "{";
  for (const auto& [name, value, failure] : expressions) {
    protocol::ExpressionValue entry = {};
    show(value, entry);
    if (failure) {
      entry.exception_type = failure->type;
      entry.exception_message = failure->message;
    }
    if (json.size() > 1) json.push_back(',');
    protocol::append_json(json, name);
    json.push_back(':');
    protocol::append_json(json, entry);
  }
  return {json + "}"};
}

std::vector<protocol::SkippedName> names_of(const std::vector<runtime::Skipped>& skipped) {
  std::vector<protocol::SkippedName> names;
  for (const auto& [name, reason] : skipped) names.push_back({name, reason});
  return names;
}

}  // namespace

protocol::Result final_frame(const runtime::Completed& completed, const Ended& how) {
  protocol::Result result = {};
  result.execution_count = how.count;
  show(completed.value, result);
  if (!completed.expressions.empty()) result.expressions = values_of(completed.expressions);
  result.inputs_unused = how.inputs_unused;
  if (how.interrupts > 0) result.interrupts = how.interrupts;
  result.restored = if_true(how.restored);
  if (!how.kept) result.kept = false;
  result.execution_time = how.seconds;
  return result;
}

protocol::Error final_frame(const runtime::Raised& raised, const Ended& how) {
  return error(ErrorReason::kException, raised.report, how);
}

protocol::Error final_frame(const runtime::Interrupted& interrupted, const Ended& how) {
  return error(how.timed_out ? ErrorReason::kTimeout : ErrorReason::kInterrupt, interrupted.report,
               how);
}

protocol::Error final_frame(const runtime::OutOfMemory& memory, const Ended& how) {
  return error(ErrorReason::kMemory, memory.report, how);
}

protocol::Error final_frame(const runtime::Exited& exited, const Ended& how) {
  protocol::Error frame = error(ErrorReason::kExit, exited.report, how);
  frame.exit_code = protocol::JsonOf<protocol::ExitCode>{exited.exit_code};
  return frame;
}

protocol::SaveReply final_frame(const runtime::Saved& saved, const Ended& /*how*/) {
  return {{}, saved.path, saved.bytes, saved.names, names_of(saved.skipped)};
}

protocol::LoadReply final_frame(const runtime::Loaded& loaded, const Ended& /*how*/) {
  return {{}, loaded.names, names_of(loaded.skipped)};
}

protocol::Error error(ErrorReason reason, const runtime::Report& report, const Ended& how) {
  protocol::Error error = {};
  error.execution_count = how.count;
  error.reason = reason;
  error.restored = if_true(how.restored);
  if (!how.kept) error.kept = false;
  error.signal = how.signal;
  error.exit_status = how.exit_status;
  error.exception_type = report.type;
  error.exception_message = report.message;
  error.syntax_message = report.syntax_message;
  error.traceback = report.traceback;
  error.frames.text = report.frames;
  if (report.notes) error.notes = protocol::JsonOf<protocol::Notes>{*report.notes};
  if (report.causes) error.causes = protocol::JsonOf<protocol::Causes>{*report.causes};
  error.inputs_unused = how.inputs_unused;
  error.execution_time = how.seconds;
  return error;
}

protocol::Error never_ran(ErrorReason reason, std::string message) {
  protocol::Error error = {};
  error.reason = reason;
  error.exception_message = std::move(message);
  return error;
}

protocol::CompleteReply reply(runtime::Completions& told) {
  protocol::CompleteReply reply = {};
  reply.matches.text = std::move(told.matches);
  reply.cursor_start = told.start;
  reply.cursor_end = told.end;
  reply.metadata.text = std::move(told.metadata);
  reply.partial = if_true(told.partial);
  return reply;
}

protocol::InspectReply reply(runtime::Inspection& told) {
  protocol::InspectReply reply = {};
  reply.found = told.found;
  reply.data.text = std::move(told.data);
  if (told.definition) reply.definition = protocol::JsonOf<protocol::Definition>{*told.definition};
  if (told.signatures) reply.signatures = protocol::JsonOf<protocol::Signatures>{*told.signatures};
  reply.partial = if_true(told.partial);
  return reply;
}

protocol::IsCompleteReply reply(runtime::Completeness& told) {
  return {{}, std::move(told.status), std::move(told.indent)};
}

protocol::VariablesReply reply(runtime::VariableList& told) {
  protocol::VariablesReply reply = {};
  reply.total = told.total;
  reply.variables.text = std::move(told.variables);
  reply.partial = if_true(told.partial);
  return reply;
}

protocol::DebugReply reply(runtime::Listening& told) {
  protocol::DebugReply reply = {};
  reply.host = std::move(told.host);
  reply.port = told.port;
  reply.version = std::move(told.version);
  return reply;
}

protocol::Display event(const runtime::Display& display) {
  protocol::Display frame = {};
  frame.execution_id = id_of(display.execution);
  frame.data.text = display.data;
  frame.metadata.text = display.metadata;
  frame.display_id = display.id;
  frame.update = if_true(display.update);
  return frame;
}

protocol::ClearOutput event(const runtime::ClearOutput& clear) {
  return {id_of(clear.execution), clear.wait};
}

protocol::Value event(const runtime::Value& value) {
  protocol::Value frame = {};
  frame.execution_id = id_of(value.execution);
  frame.line = value.line;
  show(value.value, frame);
  return frame;
}

protocol::Progress event(const runtime::Progress& progress) {
  return {{progress.execution->id}, progress.done, progress.total};
}

CommEvent event(const runtime::CommSent& sent) {
  const runtime::CommMessage& message = sent.message;
  const auto filled = [&](auto frame) {
    frame.execution_id = id_of(sent.execution);
    frame.comm_id = message.comm_id;
    frame.data.text = message.data;
    frame.metadata.text = message.metadata;
    for (const std::string& buffer : message.buffers) frame.buffers.push_back({buffer});
    return frame;
  };
  switch (message.kind) {
    case runtime::CommKind::kOpen: {
      auto frame = filled(protocol::CommOpenEvent{});
      frame.target_name = message.target_name;
      return frame;
    }
    case runtime::CommKind::kMessage:
      return filled(protocol::CommMsgEvent{});
    case runtime::CommKind::kClose:
      break;
  }
  return filled(protocol::CommCloseEvent{});
}

protocol::Input event(const runtime::NeedInput& question, std::string id) {
  protocol::Input frame = {};
  frame.id = std::move(id);
  frame.execution_id = id_of(question.execution);
  frame.prompt = question.prompt;
  frame.password = question.password;
  return frame;
}

protocol::Call call(const runtime::NeedInput& question, std::string id) {
  protocol::Call frame = {};
  frame.id = std::move(id);
  frame.execution_id = id_of(question.execution);
  frame.name = question.call->name;
  frame.args.text = question.call->args;
  frame.kwargs.text = question.call->kwargs;
  return frame;
}

std::optional<std::vector<protocol::StackEntry>> stack_of(const WorkerStack::Outcome& outcome) {
  const auto* frames = std::get_if<runtime::stack_dump::Frames>(&outcome);
  if (frames == nullptr) return std::nullopt;
  std::vector<protocol::StackEntry> stack;
  for (const auto& [filename, line, function] : *frames)
    stack.push_back({filename, line, function});
  return stack;
}

std::string text_of(const std::optional<std::vector<protocol::StackEntry>>& stack) {
  if (!stack) return {};
  std::string text = "Stack (most recent call last):\n";
  for (const auto& [filename, line, function] : *stack) {
    text += "  File \"" + filename + "\", line " + std::to_string(line) + ", in " + function + "\n";
  }
  return text;
}

protocol::InputClosedReason closed_by(protocol::RestoredCause cause) {
  using Cause = protocol::RestoredCause;
  using Reason = protocol::InputClosedReason;
  switch (cause) {
    case Cause::kTimeout:
      return Reason::kTimeout;
    case Cause::kInterrupt:
      return Reason::kInterrupt;
    case Cause::kCrash:
    case Cause::kRestore:
    case Cause::kUndo:
    case Cause::kRollback:
      return Reason::kCrash;
  }
  return Reason::kCrash;
}

}  // namespace replwire::server::replies
