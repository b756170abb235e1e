#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "protocol/frames.h"
#include "runtime/link.h"
#include "server/session/reply_once.h"

namespace replwire::server {

// What a client asks about code: the inquiries whose answers have not come yet. A few at a time are
// put to the interpreter, and none while the client does not read its replies: each may be answered
// by megabytes. Belongs to the session, which guards it.
class InquiryDesk {
 public:
  // Puts an inquiry to the interpreter; throws when that cannot be done.
  using Ask = std::function<void(runtime::Inquiry inquiry)>;
  // Whether there is room for one more reply.
  using HasRoom = std::function<bool()>;

  InquiryDesk(Ask ask, HasRoom has_room) : ask_(std::move(ask)), has_room_(std::move(has_room)) {}
  InquiryDesk(const InquiryDesk&) = delete;
  InquiryDesk& operator=(const InquiryDesk&) = delete;

  void ask(protocol::Complete& request, ReplyOnce reply);
  void ask(protocol::Inspect& request, ReplyOnce reply);
  void ask(protocol::IsComplete& request, ReplyOnce reply);
  void ask(protocol::Variables& request, ReplyOnce reply);
  void ask(protocol::Debug& request, ReplyOnce reply);

  // Returns what kept the interpreter from a better answer, for the log; empty: nothing.
  std::string answer(runtime::InquiryReply& told);
  // Puts those whose turn has come. One that cannot be put is refused.
  void go_on();

  bool empty() const { return waiting_.empty(); }
  std::size_t bytes() const { return bytes_; }
  // Everything is dropped unanswered.
  void clear();

 private:
  struct Waiting {
    ReplyOnce reply;
    std::size_t bytes;                        // that it holds while it waits
    std::optional<runtime::Inquiry> inquiry;  // until it is put
  };
  using All = std::map<std::uint64_t, Waiting>;

  template <class Subject>
  void add(Subject subject, std::size_t size, ReplyOnce reply);
  bool may_put() const;
  void put(All::iterator next);
  Waiting take(All::iterator found);

  Ask ask_;
  HasRoom has_room_;
  All waiting_;
  std::size_t bytes_ = 0;
  std::size_t in_hand_ = 0;  // of the interpreter: the oldest
  std::uint64_t last_number_ = 0;
};

}  // namespace replwire::server
