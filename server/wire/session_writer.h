#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "server/wire/frame_writer.h"

namespace replwire::server {

// The frames of one session on their way to the one writer. Those of a branch carry its name, put
// in here and nowhere else; those of the first session go as they are. For any thread.
class SessionWriter {
 public:
  // What a name makes a frame longer, at most.
  static constexpr std::size_t kMostBytes = 64;

  // `name`: the session's; empty: it is the first one. Not explicit: a writer alone is that one's.
  SessionWriter(FrameWriter& all, const std::string& name = {})
      : all_(all), field_(name.empty() ? name : ",\"session\":\"" + name + "\"") {}

  // Whole frames.
  void write(std::string_view frames, FrameKind kind = FrameKind::kOrdered) const;

  FrameWriter& all() const { return all_; }

 private:
  FrameWriter& all_;
  const std::string field_;  // with its comma; empty: none
};

}  // namespace replwire::server
