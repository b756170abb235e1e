#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

#include "protocol/frames.h"
#include "runtime/link.h"
#include "server/session/reply_once.h"

namespace replwire::server {

// The executions that wait, and the other requests that take their turn among them. Owns the ids
// of executions and counts what all of them hold. Belongs to the session, which guards it.
class ExecutionQueue {
 public:
  using Request =
      std::variant<protocol::Execute, protocol::Reset, protocol::Functions, protocol::Checkpoint,
                   protocol::Checkpoints, protocol::CheckpointDrop, protocol::Restore,
                   protocol::Undo, protocol::Branch>;
  struct Entry {
    Request request;
    ReplyOnce reply;
    std::string key;  // an execution's id as JSON; empty for other requests
    std::size_t bytes;
    std::optional<runtime::Errand> errand = {};  // a silent execution is made of it
  };
  // What is not in the queue any more.
  struct InHand {
    bool busy;             // something is being served
    std::string_view key;  // of the execution that runs; empty: none does
  };

  // `limit`: how many may wait. `stop_on_error`: the first that fails ends all that come.
  explicit ExecutionQueue(std::optional<std::size_t> limit, bool stop_on_error = false)
      : limit_(limit), stop_on_error_(stop_on_error) {}
  ExecutionQueue(const ExecutionQueue&) = delete;
  ExecutionQueue& operator=(const ExecutionQueue&) = delete;

  // Refuses an id that is in use and one too many. An execution without an id is given one.
  void add(protocol::Execute request, ReplyOnce reply, const InHand& in_hand);
  // A file to be written or read, which takes its turn, and is cancelled, like an execution.
  void add(runtime::Errand transfer, ReplyOnce reply, const InHand& in_hand);
  // A request of another type.
  void add(Request request, ReplyOnce reply);
  // A message for the session's end of a comm. Without an id it is given one, and owes no reply.
  void add(runtime::CommMessage message, ReplyOnce reply, std::string_view running);

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }
  const Request& front() const { return entries_.front().request; }
  // Whether that is a file to be written or read.
  bool front_is_file() const {
    const auto& errand = entries_.front().errand;
    return errand && !std::holds_alternative<runtime::CommMessage>(*errand);
  }
  Entry pop() { return take(entries_.begin()); }

  // The execution of that key ends before it has run; nothing happens when none of it waits.
  bool contains(const std::string& key) const { return keys_.contains(key); }
  void cancel(const std::string& key);
  void fail_front(protocol::ErrorReason reason, std::string message);
  void end_executions(protocol::ErrorReason reason);
  // An execution has failed. `stop`: it asked for those that wait to be ended then.
  void after_failure(bool stop);

  // Everything is dropped unanswered.
  void clear();

 private:
  using Entries = std::list<Entry>;

  void add(Entry entry, const InHand& in_hand);
  std::string invent_id(std::string_view running);
  Entry take(Entries::iterator entry);
  void end(Entries::iterator entry, protocol::ErrorReason reason, std::string message = {});

  std::optional<std::size_t> limit_;
  bool stop_on_error_;
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> keys_;
  std::size_t bytes_ = 0;
  std::uint64_t last_invented_ = 0;
  bool aborting_ = false;
};

}  // namespace replwire::server
