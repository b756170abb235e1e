#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "server/session/frame_sink.h"

namespace replwire_tests {

using Json = nlohmann::json;

// Keeps what a session's part writes.
class SentFrames final : public replwire::server::FrameSink {
 public:
  std::vector<Json> take() { return std::exchange(frames_, {}); }
  // The one frame that has been written since the last look.
  Json only() {
    const std::vector<Json> frames = take();
    return frames.size() == 1 ? frames[0] : Json{{"frames", frames}};
  }

 private:
  void write_line(std::string_view line, replwire::server::FrameKind /*kind*/) override {
    frames_.push_back(Json::parse(line));
  }

  std::vector<Json> frames_;
};

}  // namespace replwire_tests
