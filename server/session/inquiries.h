#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "server/session/reply_once.h"

namespace replwire::server {

// The inquiries whose answers have not come yet. Belongs to the session, which guards it.
class Inquiries {
 public:
  struct Waiting {
    ReplyOnce reply;
    std::size_t bytes;  // that it holds while it waits
  };

  // What names the next one on the link.
  std::uint64_t new_number() { return ++last_number_; }
  void add(std::uint64_t number, Waiting waiting) { waiting_.emplace(number, std::move(waiting)); }

  std::optional<Waiting> take(std::uint64_t number) { return take_at(waiting_.find(number)); }
  void clear() { waiting_.clear(); }
  bool empty() const { return waiting_.empty(); }

 private:
  using Map = std::map<std::uint64_t, Waiting>;

  std::optional<Waiting> take_at(Map::iterator found) {
    if (found == waiting_.end()) return std::nullopt;
    return std::move(waiting_.extract(found).mapped());
  }

  Map waiting_;
  std::uint64_t last_number_ = 0;
};

}  // namespace replwire::server
