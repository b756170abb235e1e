#include "server/session/desks/save_desk.h"

#include <utility>
#include <variant>

#include "server/session/replies.h"
#include "server/system/overloaded.h"

namespace replwire::server {

runtime::SaveApart SaveDesk::begin(runtime::ExecutionRef execution, runtime::Save request,
                                   ReplyOnce reply) {
  beginning_ = execution->serial;
  saves_.emplace(execution->serial, Entry{execution, std::move(reply)});
  return {std::move(execution), std::move(request)};
}

std::optional<std::uint64_t> SaveDesk::find(std::string_view key) const {
  for (const auto& [serial, entry] : saves_) {
    if (entry.execution->id == key) return serial;
  }
  return std::nullopt;
}

void SaveDesk::begun(const runtime::CopyBegun& begun) {
  if (beginning_ == begun.serial) beginning_.reset();
  if (!begun.failure.empty())
    fail(begun.serial, "the system could not copy the interpreter: " + begun.failure);
}

std::string SaveDesk::done(const runtime::CopyDone& done) {
  const auto found = saves_.find(done.serial);
  if (found == saves_.end()) return {};
  if (const auto* saved = std::get_if<runtime::Saved>(&done.outcome)) {
    found->second.reply.answer(replies::final_frame(*saved, {}));
    saves_.erase(found);
    return {};
  }
  if (found->second.interrupted) return fail(done.serial, "interrupted");
  if (std::holds_alternative<runtime::OutOfMemory>(done.outcome))
    return fail(done.serial, "out of memory");
  const auto* raised = std::get_if<runtime::Raised>(&done.outcome);
  return fail(done.serial, raised != nullptr ? raised->report.message : "interrupted");
}

std::string SaveDesk::fail(std::uint64_t serial, std::string why) {
  const auto found = saves_.find(serial);
  if (found == saves_.end()) return {};
  found->second.reply.refuse(protocol::ErrorCode::kSaveFailed, why);
  saves_.erase(found);
  return why;
}

void SaveDesk::interpreter_died() {
  if (beginning_) fail(*std::exchange(beginning_, std::nullopt), "the interpreter died");
}

void SaveDesk::clear() {
  saves_.clear();
  beginning_.reset();
}

}  // namespace replwire::server
