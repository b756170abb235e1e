#pragma once

#include <deque>
#include <utility>

#include "server/session/replies.h"
#include "server/session/reply_once.h"

namespace replwire::server {

// The `status` requests that wait for a stack, which are answered in the order in which they came.
// Belongs to the session, which guards it.
class StatusDesk {
 public:
  void add(ReplyOnce reply) { waiting_.push_back(std::move(reply)); }
  bool empty() const { return waiting_.empty(); }
  // All that wait are answered at once.
  bool full() const { return waiting_.size() >= kMost; }

  // To the oldest.
  void answer(const WorkerStack::Outcome& outcome, protocol::SessionFacts facts) {
    ReplyOnce reply = std::move(waiting_.front());
    waiting_.pop_front();
    protocol::StatusReply told = {std::move(facts)};
    told.stack = replies::stack_of(outcome);
    if (!told.stack) told.stack_unavailable = std::get<const char*>(outcome);
    reply.answer(std::move(told));
  }

 private:
  static constexpr std::size_t kMost = 64;

  std::deque<ReplyOnce> waiting_;
};

}  // namespace replwire::server
