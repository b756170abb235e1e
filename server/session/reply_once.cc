#include "server/session/reply_once.h"

namespace replwire::server {

using protocol::ErrorCode;

void ReplyOnce::refuse(ErrorCode code, std::string_view message) {
  if (sink_ == nullptr) return;
  std::string text(type_);
  text.append(": ").append(message);
  std::exchange(sink_, nullptr)
      ->write(protocol::ProtocolError{code, std::move(text), std::move(id_), line_});
}

// Without memory for the reply there is none.
void ReplyOnce::fail(protocol::Error error) {
  const bool saves = type_ == protocol::Save::kType;
  if (!saves && type_ != protocol::Load::kType) return answer(std::move(error));
  using protocol::ErrorReason;
  const std::string_view why = error.reason == ErrorReason::kInterrupt   ? "interrupted"
                               : error.reason == ErrorReason::kMemory    ? "out of memory"
                               : error.reason == ErrorReason::kCancelled ? "cancelled"
                               : error.reason == ErrorReason::kAborted
                                   ? "an execution before it failed"
                                   : std::string_view(error.exception_message);
  refuse(saves ? protocol::ErrorCode::kSaveFailed : protocol::ErrorCode::kLoadFailed, why);
}

void ReplyOnce::abandon() noexcept try {
  sink_->ended() ? refuse(ErrorCode::kShuttingDown, "the session has ended")
                 : refuse(ErrorCode::kInternal, "the server could not serve it");
} catch (...) {
}

}  // namespace replwire::server
