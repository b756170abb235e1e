#include "server/survive/interpreter/transmit.h"

#include <unistd.h>

#include <span>
#include <string>

#include "server/survive/wire/inbox.h"
#include "server/survive/wire/packing.h"
#include "server/survive/wire/sending.h"

namespace replwire::server::survive {

void look_into_pipes(Channels& channels) {
  if (!channels.output.has_space() || !channels.capture.ready()) return;
  channels.capture.read([&channels](runtime::Stream stream, std::string_view bytes) {
    channels.output.append_captured(stream, bytes);
  });
}

namespace {

void send(const Channels& channels, const Message& message, std::uint64_t position,
          std::span<const int> descriptors) {
  const std::string bytes = framed(packed(message), position, descriptors.size());
  if (!send_all(channels.link.get(), bytes, descriptors)) ::_exit(kNoLink);
}

}  // namespace

void transmit(Channels& channels, const Message& message, std::initializer_list<int> descriptors) {
  std::uint64_t position = 0;
  {
    const SharedOutput::Lock locked(channels.output);
    look_into_pipes(channels);
    position = channels.output.stamp_event();
  }
  send(channels, message, position, std::span(descriptors.begin(), descriptors.size()));
}

void transmit_apart(Channels& channels, const runtime::ExecutionRef& owner, bool looks,
                    const CapturePipes& successors) {
  std::uint64_t position = 0;
  {
    const SharedOutput::Lock locked(channels.output);
    if (looks) look_into_pipes(channels);
    channels.capture.replace(successors);
    position = channels.output.stamp_event();
  }
  send(channels, PipesApart{owner}, position, successors.ends());
}

}  // namespace replwire::server::survive
