#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "protocol/fields.h"

namespace replwire::server {

// The inquiries whose answers have not come yet. Belongs to the session, which guards it.
class Inquiries {
 public:
  struct Waiting {
    protocol::Id id;
    std::string type;
    std::int64_t line;
    std::size_t bytes;  // that it holds while it waits
  };

  // Returns the number that names it on the link.
  std::uint64_t add(Waiting waiting) {
    waiting_.emplace(++last_number_, std::move(waiting));
    return last_number_;
  }

  std::optional<Waiting> take(std::uint64_t number) { return take_at(waiting_.find(number)); }
  std::optional<Waiting> take_any() { return take_at(waiting_.begin()); }
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
