#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "protocol/frames.h"
#include "server/session/frame_sink.h"

namespace replwire::server {

// The one final frame of a request: whoever holds this owes it. It travels with the request through
// every place where that waits, and whoever drops it unanswered has answered: with `shutting_down`
// once the session has ended, else with `internal`. To move it costs no allocation. Belongs to what
// holds it, which the session guards.
class ReplyOnce {
 public:
  // `type` is a frame's kType.
  ReplyOnce(FrameSink& sink, std::string_view type, std::optional<protocol::Id> id,
            std::int64_t line)
      : sink_(&sink), type_(type), id_(std::move(id)), line_(line) {}
  ReplyOnce(ReplyOnce&& other) noexcept
      : sink_(std::exchange(other.sink_, nullptr)),
        type_(other.type_),
        id_(std::move(other.id_)),
        line_(other.line_),
        only_failure_(other.only_failure_) {}
  ReplyOnce& operator=(ReplyOnce&& other) noexcept {
    ReplyOnce taken(std::move(other));
    std::swap(sink_, taken.sink_);
    std::swap(type_, taken.type_);
    std::swap(id_, taken.id_);
    std::swap(line_, taken.line_);
    std::swap(only_failure_, taken.only_failure_);
    return *this;
  }
  ~ReplyOnce() {
    if (sink_ != nullptr) abandon();
  }

  bool owed() const { return sink_ != nullptr; }
  std::string_view type() const { return type_; }
  const std::optional<protocol::Id>& id() const { return id_; }
  // For an `execute` that came without one.
  void set_id(protocol::Id id) { id_ = std::move(id); }

  // The frame that answers, under the request's id.
  template <class Frame>
  void answer(Frame frame) {
    if (only_failure_) sink_ = nullptr;
    if (sink_ == nullptr) return;
    auto& id = id_in(frame);
    take_id(id);
    try {
      sink_->write(frame);
    } catch (...) {
      id_ = std::move(id);
      throw;
    }
    sink_ = nullptr;
  }
  // The end of an execution that has not ended well: its `error`, or, where that is a file written
  // or read, a protocol_error.
  void fail(protocol::Error error);
  // A protocol_error; `message` stands behind the request's type.
  void refuse(protocol::ErrorCode code, std::string_view message);
  // Nobody has asked: what is answered well is not told.
  void only_failure() { only_failure_ = true; }
  // A request that has no reply has been served.
  void none() { sink_ = nullptr; }

 private:
  void take_id(protocol::Id& id) { id = *std::move(id_); }
  void take_id(std::optional<protocol::Id>& id) { id = std::move(id_); }
  template <class Frame>
  static auto& id_in(Frame& frame) {
    if constexpr (requires { frame.id; }) {
      return frame.id;
    } else {
      return frame.execution_id;
    }
  }
  void abandon() noexcept;

  FrameSink* sink_;  // null: the reply is not owed any more
  std::string_view type_;
  std::optional<protocol::Id> id_;
  std::int64_t line_;
  bool only_failure_ = false;
};

}  // namespace replwire::server
