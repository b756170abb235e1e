#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "runtime/link.h"

namespace replwire::server {

// The input() calls that wait for an answer, oldest first, and the answers that came before any
// call. Belongs to the session, which guards it.
class Questions {
 public:
  struct Waiting {
    std::string id;           // on the wire
    std::uint64_t number;     // on the link
    std::uint64_t execution;  // serial; 0: none
    bool worker;              // asked by the worker itself, not by a thread of user code's
  };

  // A new one, with an id of its own.
  const Waiting& add(const runtime::NeedInput& question);

  // Takes out the one that `id` names, or the oldest.
  std::optional<Waiting> take(const std::optional<std::string>& id);
  std::optional<Waiting> take(std::uint64_t number);
  std::optional<Waiting> take_thread();

  bool empty() const { return waiting_.empty(); }
  std::vector<std::string> ids() const;
  bool waits_for(std::uint64_t execution) const;

  // Answers that came ahead.
  void keep(runtime::Answer answer) { ahead_.push_back(std::move(answer)); }
  std::optional<runtime::Answer> take_ahead();

 private:
  std::optional<Waiting> take_at(std::deque<Waiting>::iterator found);

  std::deque<Waiting> waiting_;
  std::deque<runtime::Answer> ahead_;
  std::uint64_t last_id_ = 0;
};

}  // namespace replwire::server
