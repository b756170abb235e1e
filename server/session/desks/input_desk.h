#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/frames.h"
#include "runtime/link.h"
#include "server/session/reply_once.h"
#include "server/session/running_execution.h"

namespace replwire::server {

// What running code asks the client and waits for: input() and calls of the client's functions,
// each question with an id of its own, and the answers that came before any input() (type-ahead).
// Ids, closing and deadlines are the same for all questions. Writes `input` and `call`, and
// `input_closed` and `call_closed`. Belongs to the session, which guards it.
class InputDesk {
 public:
  // Hands an answer to the interpreter, by the question's number.
  using Deliver = std::function<void(std::uint64_t number, runtime::Answer answer)>;

  // `most_ahead`: what the answers may hold that came before any question, in bytes.
  InputDesk(FrameSink& frames, Deliver deliver, std::size_t most_ahead)
      : frames_(frames), deliver_(std::move(deliver)), most_ahead_(most_ahead) {}
  InputDesk(const InputDesk&) = delete;
  InputDesk& operator=(const InputDesk&) = delete;

  // Nobody can be asked until the session is open, nor once nobody will answer any more.
  void open();
  // As before open(), until the next one.
  void hold();
  void close() { state_ = State::kClosed; }

  // Answers at once when an answer is at hand: one that `running` (null: none) brought along, one
  // that came ahead, or what is to be said when nobody answers. Asks the client otherwise.
  void ask(const runtime::NeedInput& question, RunningExecution* running);
  void respond(protocol::InputResponse& response, ReplyOnce reply);
  void respond(protocol::CallResponse& response, ReplyOnce reply);

  // The execution, by its serial, whose question has that number; 0: none.
  std::uint64_t execution_of(std::uint64_t number) const;
  // The one who asked does not wait any more.
  void withdraw(std::uint64_t number, protocol::InputClosedReason reason);
  // The same where a task was cancelled that awaited a call: by an interrupt of `running` (null:
  // none runs), if one has come since.
  void cancel(std::uint64_t number, const RunningExecution* running);
  // The interpreter is gone, or the session over: nobody waits any more.
  void withdraw_all(protocol::InputClosedReason reason);
  // EOFError for all who wait, or for threads of user code's alone.
  void refuse_all(protocol::InputClosedReason reason);
  void refuse_threads(protocol::InputClosedReason reason);

  bool empty() const { return waiting_.empty(); }
  enum class Kind { kInput, kCall };
  std::vector<std::string> ids(Kind kind) const;
  bool waits_for(std::uint64_t execution) const;
  bool waits_for(std::uint64_t execution, Kind kind) const;

 private:
  enum class State { kNotOpen, kOpen, kClosed };
  struct Question {
    std::string id;           // on the wire
    std::uint64_t number;     // on the link
    std::uint64_t execution;  // serial; 0: none
    bool worker;              // asked by the worker itself, not by a thread of user code's
    Kind kind;
    std::int64_t interrupts;  // that the execution had been sent by then
  };
  using Questions = std::deque<Question>;

  std::optional<runtime::Answer> at_hand(const runtime::NeedInput& question,
                                         RunningExecution* running);
  void keep(runtime::Answer answer, ReplyOnce& reply);
  std::optional<Question> take(Questions::iterator found);
  std::optional<Question> take(const std::optional<std::string>& id, Kind kind);
  void close(const Question& question, protocol::CallClosedReason reason);
  void close(const Question& question, protocol::InputClosedReason reason) {
    close(question, static_cast<protocol::CallClosedReason>(reason));
  }

  FrameSink& frames_;
  Deliver deliver_;
  const std::size_t most_ahead_;
  State state_ = State::kNotOpen;
  Questions waiting_;  // oldest first
  std::deque<runtime::Answer> ahead_;
  std::size_t ahead_bytes_ = 0;
  std::uint64_t last_id_ = 0;
};

}  // namespace replwire::server
