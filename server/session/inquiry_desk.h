#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "protocol/frames.h"
#include "runtime/link.h"
#include "server/session/reply_once.h"

namespace replwire::server {

// What a client asks about code: the inquiries whose answers have not come yet. Belongs to the
// session, which guards it.
class InquiryDesk {
 public:
  // Puts an inquiry to the interpreter; throws when that cannot be done.
  using Ask = std::function<void(runtime::Inquiry inquiry)>;

  explicit InquiryDesk(Ask ask) : ask_(std::move(ask)) {}
  InquiryDesk(const InquiryDesk&) = delete;
  InquiryDesk& operator=(const InquiryDesk&) = delete;

  void ask(protocol::Complete& request, ReplyOnce reply);
  void ask(protocol::Inspect& request, ReplyOnce reply);
  void ask(protocol::IsComplete& request, ReplyOnce reply);
  void ask(protocol::Variables& request, ReplyOnce reply);

  // Returns what kept the interpreter from a better answer, for the log; empty: nothing.
  std::string answer(runtime::InquiryReply& told);

  bool empty() const { return waiting_.empty(); }
  std::size_t bytes() const { return bytes_; }
  // Everything is dropped unanswered.
  void clear();

 private:
  struct Waiting {
    ReplyOnce reply;
    std::size_t bytes;  // that it holds while it waits
  };

  template <class Subject>
  void put(Subject subject, std::size_t size, ReplyOnce reply);

  Ask ask_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
};

}  // namespace replwire::server
