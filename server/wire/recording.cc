#include "server/wire/recording.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "text/json_text.h"

namespace replwire::server {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMask = "(password)";
constexpr mode_t kOwner = 0600;  // it has code, output and answers

iovec part(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

// The frames of the server's own: their type comes first.
bool is(std::string_view frame, std::string_view type) {
  constexpr std::string_view kBegin = R"({"type":")";
  return frame.starts_with(kBegin) && frame.substr(kBegin.size()).starts_with(type) &&
         frame.substr(kBegin.size() + type.size()).starts_with('"');
}

bool is_type(const Json& frame, std::string_view type) {
  const auto found = frame.find("type");
  if (found == frame.end() || !found->is_string()) return false;
  const auto& said = found->get_ref<const std::string&>();
  return std::equal(said.begin(), said.end(), type.begin(), type.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

}  // namespace

Recording::Recording(const std::string& path) {
  if (path.empty()) return;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
  file_ = Descriptor(::open(path.c_str(), kFlags, kOwner));
  failed_ = !file_;
  ::clock_gettime(CLOCK_MONOTONIC, &start_);
}

void Recording::came(std::string_view line) {
  if (!file_) return;
  if (Json::accept(line)) return write('>', "frame", masked(line));
  write('>', "text", Json(line).dump(-1, ' ', false, Json::error_handler_t::replace));
}

void Recording::sent(std::string_view frames) {
  if (!file_) return;
  for (std::size_t end = 0; !frames.empty(); frames.remove_prefix(end)) {
    end = std::min(frames.find('\n'), frames.size() - 1) + 1;
    const std::string_view frame = frames.substr(0, end - 1);
    if (is(frame, "input") || is(frame, "input_closed")) note_question(frame);
    write('<', "frame", frame);
  }
}

void Recording::sent_last(std::string_view frames) const {
  if (!file_) return;
  for (std::size_t end = 0; !frames.empty(); frames.remove_prefix(end)) {
    end = std::min(frames.find('\n'), frames.size() - 1) + 1;
    write('<', "frame", frames.substr(0, end - 1));
  }
}

void Recording::note_question(std::string_view frame) {
  const Json read = Json::parse(frame, nullptr, false);
  if (!read.is_object()) return;
  const std::string id = read.value("id", "");
  const std::lock_guard lock(mutex_);
  if (is(frame, "input_closed")) {
    std::erase_if(waiting_, [&](const Question& each) { return each.id == id; });
    return;
  }
  const bool password = read.value("password", false);
  waiting_.push_back({id, password});
  if (password) passwords_.insert(id);
}

// The line as it came, unless it answers a question for a password.
std::string Recording::masked(std::string_view line) {
  std::string text(line);
  const std::lock_guard lock(mutex_);
  if (waiting_.empty() && passwords_.empty()) return text;
  Json frame = Json::parse(line, nullptr, false);
  if (!frame.is_object() || !is_type(frame, "input_response")) return text;
  const auto named = frame.find("input_id");
  const bool has_name = named != frame.end() && named->is_string();
  const std::string* id = has_name ? named->get_ptr<const std::string*>() : nullptr;
  if (!wants_password(id) || !frame.contains("data")) return text;
  frame["data"] = kMask;
  return frame.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Whether the answer may be a password. Its question waits no more. An answer without an id is for
// the oldest question, which cannot be known here: it is masked if any that waits is for a
// password.
bool Recording::wants_password(const std::string* input_id) {
  if (input_id != nullptr) {
    std::erase_if(waiting_, [&](const Question& each) { return each.id == *input_id; });
    return passwords_.contains(*input_id);
  }
  const bool password = std::any_of(waiting_.begin(), waiting_.end(),
                                    [](const Question& each) { return each.password; });
  if (!waiting_.empty()) waiting_.pop_front();
  return password;
}

// Async-signal-safe.
void Recording::write(char direction, std::string_view name, std::string_view value) const {
  constexpr long kMillion = 1'000'000;
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const long micros =
      (now.tv_sec - start_.tv_sec) * kMillion + (now.tv_nsec - start_.tv_nsec) / 1000;
  std::array<char, 96> room;
  text::FixedText begin(room.data(), room.size());
  begin.append(R"({"t": )");
  text::append_number(begin, std::int64_t{micros / kMillion});
  begin.append(".");
  for (long digit = kMillion / 10; digit > 0; digit /= 10) {
    begin.push_back(static_cast<char>('0' + micros / digit % 10));
  }
  begin.append(R"(, "dir": ")");
  begin.push_back(direction);
  begin.append(R"(", ")");
  begin.append(name);
  begin.append(R"(": )");
  std::array<iovec, 3> parts = {part(begin.view()), part(value), part("}\n")};
  [[maybe_unused]] const auto written = ::writev(file_.get(), parts.data(), parts.size());
}

}  // namespace replwire::server
