#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "protocol/frames.h"
#include "server/session/reply_once.h"

namespace replwire::server {

// The `checkpoints` requests that wait for the memory of their snapshots, answered in the order in
// which they came. Belongs to the session, which guards it.
class ListingDesk {
 public:
  void add(ReplyOnce reply, protocol::CheckpointsReply list) {
    waiting_.push_back({std::move(reply), std::move(list)});
  }
  bool empty() const { return waiting_.empty(); }
  void clear() { waiting_.clear(); }

  // To the oldest.
  void answer(const std::vector<std::int64_t>& memory) {
    Listing listing = std::move(waiting_.front());
    waiting_.pop_front();
    for (std::size_t i = 0; i < memory.size(); ++i) listing.list.checkpoints[i].memory = memory[i];
    listing.reply.answer(std::move(listing.list));
  }

 private:
  struct Listing {
    ReplyOnce reply;
    protocol::CheckpointsReply list;
  };

  std::deque<Listing> waiting_;
};

}  // namespace replwire::server
