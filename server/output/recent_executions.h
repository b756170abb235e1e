#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "runtime/link.h"

namespace replwire::server {

// Finds the execution that a record of another process names by its serial, without an allocation
// for those that write most: the newest, the one before it, and the last older one that wrote.
// Guarded by its owner.
class RecentExecutions {
 public:
  // It runs from here on.
  void add(runtime::ExecutionRef execution) {
    before_ = std::exchange(newest_, std::move(execution));
  }

  // `count` below 0: it has none; `id` empty: null. Serial 0 is nobody's. Valid until the next
  // call.
  const runtime::ExecutionRef& find(std::uint64_t serial, std::int64_t count,
                                    const std::string& id) {
    if (serial == 0) return nobody_;
    for (const runtime::ExecutionRef* each : {&newest_, &before_, &late_}) {
      if (*each && (*each)->serial == serial) return *each;
    }
    late_ = std::make_shared<const runtime::Execution>(runtime::Execution{
        serial, id.empty() ? "null" : id, count < 0 ? std::nullopt : std::optional(count),
        runtime::Unanswered::kAsk});
    return late_;
  }

 private:
  runtime::ExecutionRef newest_;  // that ran, or runs
  runtime::ExecutionRef before_;  // the one before it: what writes may not know yet that it is over
  runtime::ExecutionRef late_;    // an older one that wrote
  const runtime::ExecutionRef nobody_;
};

}  // namespace replwire::server
