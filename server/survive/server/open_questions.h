#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "runtime/link.h"

namespace replwire::server::survive {

// What is asked across the link and has no answer yet: by code, of the client; and by the client,
// about code. For any thread. What it calls, it calls under its lock: what is sent there is known
// to be open, or has been forgotten with the interpreter that it was meant for.
class OpenQuestions {
 public:
  void note(const runtime::NeedInput& asked) {
    const std::lock_guard lock(mutex_);
    inputs_.insert_or_assign(asked.number, asked.worker && asked.wakes < 0);
  }
  void note(const runtime::InputWithdrawn& asked) {
    const std::lock_guard lock(mutex_);
    inputs_.erase(asked.number);
  }
  // Calls `send(the worker waits for it)` if nobody has answered it.
  void answer(std::uint64_t number, auto send) {
    const std::lock_guard lock(mutex_);
    const auto found = inputs_.find(number);
    if (found == inputs_.end()) return;
    send(found->second);
    inputs_.erase(found);
  }

  void add(runtime::Inquiry inquiry) {
    const std::lock_guard lock(mutex_);
    inquiries_.emplace(inquiry.number, std::move(inquiry));
  }
  void note(const runtime::InquiryReply& told) {
    const std::lock_guard lock(mutex_);
    inquiries_.erase(told.number);
  }
  void for_each_inquiry(auto visit) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, inquiry] : inquiries_) visit(inquiry);
  }

  // The interpreter is dead. Returns the inquiries that it owes an answer.
  std::map<std::uint64_t, runtime::Inquiry> clear() {
    const std::lock_guard lock(mutex_);
    inputs_.clear();
    return std::exchange(inquiries_, {});
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, bool> inputs_;  // the worker waits, so that answers go to it
  std::map<std::uint64_t, runtime::Inquiry> inquiries_;
};

}  // namespace replwire::server::survive
