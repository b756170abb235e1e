#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/frames.h"
#include "runtime/link.h"

namespace replwire::server {

// What the interpreter is told of an `execute`. A field that Run has and that is not given here
// does not compile.
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wmissing-field-initializers"
inline runtime::Run new_run(runtime::ExecutionRef execution, protocol::Execute&& request,
                            std::optional<runtime::Errand>&& errand,
                            const std::optional<runtime::WindowSize>& window) {
  std::vector<runtime::Expression> expressions;
  if (request.expressions) {
    for (auto& [name, code] : request.expressions->items)
      expressions.push_back({std::move(name), std::move(code)});
  }
  const auto limit = static_cast<std::size_t>(request.repr_limit.value_or(runtime::kReprBytes));
  return runtime::Run{std::move(execution),
                      std::move(request.code),
                      std::move(request.filename),
                      request.first_line.value_or(1),
                      std::min(limit, runtime::kReprBytes),
                      request.silent.value_or(false),
                      request.store_history.value_or(true),
                      request.dedent.value_or(false),
                      std::move(request.module),
                      std::move(request.name),
                      std::move(expressions),
                      request.values.has_value(),
                      std::move(errand),
                      window};
}
#pragma GCC diagnostic pop

}  // namespace replwire::server
