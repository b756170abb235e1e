#include "server/session/autosave.h"

#include <unistd.h>

#include <cerrno>
#include <utility>
#include <variant>

#include "server/session/frame_values.h"

namespace replwire::server {
namespace {

constexpr const char* kRestore = "--restore";
constexpr const char* kAutosave = "--autosave";

}  // namespace

Autosave::Request Autosave::request(runtime::Errand errand, std::string_view type, const char* id) {
  return {std::move(errand), ReplyOnce(frames_, type, protocol::Id(id), 0)};
}

// The first time there is none yet.
std::optional<Autosave::Request> Autosave::restore() {
  if (options_.restore.empty()) return std::nullopt;
  if (::access(options_.restore.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  return request(runtime::Load{options_.restore, std::nullopt}, protocol::Load::kType, kRestore);
}

void Autosave::ended(const std::string& id, const runtime::Outcome& outcome,
                     Clock::time_point now) {
  if (id == json_of(protocol::Id(kRestore))) {
    const auto* loaded = std::get_if<runtime::Loaded>(&outcome);
    restored_in_part_ = loaded == nullptr || !loaded->skipped.empty();
    return;
  }
  const bool saved = std::holds_alternative<runtime::Saved>(outcome);
  const bool stays = options_.restore == options_.autosave && restored_in_part_;
  if (saved || due_ || options_.autosave.empty() || stays) return;
  due_ = now + duration(options_.autosave_every);
}

std::string Autosave::key() { return json_of(protocol::Id(kAutosave)); }

void Autosave::put_off(Clock::time_point now) {
  if (due_ && *due_ <= now) due_ = now + duration(options_.autosave_every);
}

// That it has been saved is for nobody to hear.
std::optional<Autosave::Request> Autosave::save(Clock::time_point now) {
  if (!due_ || now < *due_) return std::nullopt;
  due_.reset();
  Request made =
      request(runtime::Save{options_.autosave, std::nullopt}, protocol::Save::kType, kAutosave);
  made.reply.only_failure();
  return made;
}

}  // namespace replwire::server
