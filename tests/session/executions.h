#pragma once

#include <string>
#include <utility>

#include "server/session/frame_values.h"
#include "server/session/running_execution.h"
#include "session/sent_frames.h"

namespace replwire_tests {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using std::chrono::milliseconds;
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

// A moment to count from.
inline Time at(milliseconds time) { return Time(std::chrono::hours(1)) + time; }
inline Time at(int milliseconds_) { return at(milliseconds(milliseconds_)); }

inline replwire::runtime::ExecutionRef execution(std::uint64_t serial,
                                                 replwire::runtime::Unanswered unanswered = {}) {
  return std::make_shared<const replwire::runtime::Execution>(replwire::runtime::Execution{
      serial, "\"" + std::to_string(serial) + "\"", serial, unanswered});
}

// The execution of that serial, whose id is the serial as a text.
inline replwire::server::RunningExecution running(SentFrames& sent, std::uint64_t serial,
                                                  replwire::protocol::Execute request = {},
                                                  Time started = at(0)) {
  return {execution(serial),
          replwire::server::ReplyOnce(sent, "execute", std::to_string(serial), 1), request,
          started};
}

}  // namespace replwire_tests
