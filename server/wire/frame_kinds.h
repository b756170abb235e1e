#pragma once

#include <type_traits>

#include "protocol/frames.h"

namespace replwire::server {

// What frames are, by what they may overtake on their way to a client that is behind.
enum class FrameKind {
  kOrdered,  // nothing, and no reply overtakes them
  kOutput,   // nothing
  kReply     // output that waits
};

// Replies to what is served whatever runs. All other frames keep their place among one another and
// behind the output before them.
template <class Frame>
inline constexpr bool kOvertakesOutput =
    std::is_same_v<Frame, protocol::StatusReply> || std::is_same_v<Frame, protocol::Heartbeat> ||
    std::is_same_v<Frame, protocol::InterruptReply> ||
    std::is_same_v<Frame, protocol::ProtocolError> ||
    std::is_same_v<Frame, protocol::OutputGetReply> ||
    std::is_same_v<Frame, protocol::CompleteReply> ||
    std::is_same_v<Frame, protocol::InspectReply> ||
    std::is_same_v<Frame, protocol::IsCompleteReply> ||
    std::is_same_v<Frame, protocol::VariablesReply> ||
    std::is_same_v<Frame, protocol::DebugReply> ||
    std::is_same_v<Frame, protocol::CheckpointsReply> ||
    std::is_same_v<Frame, protocol::SessionsReply>;

template <class Frame>
inline constexpr FrameKind kind_of =
    kOvertakesOutput<Frame> ? FrameKind::kReply : FrameKind::kOrdered;

}  // namespace replwire::server
