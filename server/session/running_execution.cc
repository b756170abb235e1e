#include "server/session/running_execution.h"

#include <iterator>

#include "server/session/frame_values.h"

namespace replwire::server {

using protocol::Transaction;

RunningExecution::RunningExecution(runtime::ExecutionRef execution, ReplyOnce reply,
                                   protocol::Execute& request, Clock::time_point started)
    : execution_(std::move(execution)),
      reply_(std::move(reply)),
      started_(started),
      timeout_includes_input_(request.timeout_includes_input.value_or(false)),
      stop_on_error_(request.stop_on_error.value_or(false)),
      transaction_(request.transaction.value_or(Transaction::kCommit)) {
  if (!request.inputs) return;
  inputs_.assign(std::make_move_iterator(request.inputs->begin()),
                 std::make_move_iterator(request.inputs->end()));
}

double RunningExecution::elapsed(Clock::time_point now) const { return seconds(now - started_); }

std::optional<std::string> RunningExecution::next_input() {
  if (inputs_.empty()) return std::nullopt;
  std::string input = std::move(inputs_.front());
  inputs_.pop_front();
  return input;
}

bool RunningExecution::rolls_back(const runtime::Outcome& outcome) const {
  return transaction_ == Transaction::kRollbackAlways ||
         (transaction_ == Transaction::kRollbackOnFailure &&
          !std::holds_alternative<runtime::Completed>(outcome));
}

void RunningExecution::complete(replies::Ended& how) const {
  how.count = execution_->count;
  if (!inputs_.empty()) how.inputs_unused = static_cast<std::int64_t>(inputs_.size());
  how.interrupts = interrupts_;
}

void RunningExecution::end(const runtime::Outcome& outcome, replies::Ended how) {
  complete(how);
  const auto final_frame = [&](const auto& ended) { return replies::final_frame(ended, how); };
  const auto answer = [&]<class Ended>(const Ended& ended) {
    if constexpr (requires { reply_.fail(final_frame(ended)); }) {
      reply_.fail(final_frame(ended));
    } else {
      reply_.answer(final_frame(ended));
    }
  };
  std::visit(answer, outcome);
}

void RunningExecution::end(protocol::ErrorReason reason, const runtime::Report& report,
                           replies::Ended how) {
  complete(how);
  reply_.fail(replies::error(reason, report, how));
}

}  // namespace replwire::server
