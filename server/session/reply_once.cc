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
void ReplyOnce::abandon() noexcept try {
  sink_->ended() ? refuse(ErrorCode::kShuttingDown, "the session has ended")
                 : refuse(ErrorCode::kInternal, "the server could not serve it");
} catch (...) {
}

}  // namespace replwire::server
