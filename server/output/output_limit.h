#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/link.h"
#include "server/output/spools.h"

namespace replwire::server {

// The output_limit of one execution, for each of its streams: half of it lets the head through,
// half of it keeps the tail. Guarded by its owner.
class OutputLimit {
 public:
  // `limit` in bytes of UTF-8. The execution has a count.
  OutputLimit(runtime::ExecutionRef execution, std::size_t limit, Spools& spools)
      : execution_(std::move(execution)), limit_(limit), spools_(spools) {}

  const runtime::ExecutionRef& execution() const { return execution_; }

  // What of `bytes` (valid UTF-8) goes to the client now: a part at the front.
  std::string_view pass(runtime::Stream stream, std::string_view bytes);

  struct Gap {
    std::int64_t omitted;
    std::int64_t offset;
    std::string tail;
  };
  // What was left out since the last call, and the text behind it.
  std::optional<Gap> close(runtime::Stream stream);

 private:
  struct State {
    std::int64_t sent = 0;  // everything up to here went to the client
    std::int64_t total = 0;
    std::string head;  // kept until it is known whether anything will be left out
    std::string tail;
    bool spooled = false;
  };

  void keep(State& state, runtime::Stream stream, std::string_view bytes);

  runtime::ExecutionRef execution_;
  std::size_t limit_;
  Spools& spools_;
  std::array<State, 2> states_;
};

}  // namespace replwire::server
