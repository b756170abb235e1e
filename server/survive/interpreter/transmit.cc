#include "server/survive/interpreter/transmit.h"

#include <unistd.h>

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

void transmit(Channels& channels, const Message& message, std::initializer_list<int> descriptors) {
  const std::string body = packed(message);
  std::uint64_t position = 0;
  {
    const SharedOutput::Lock locked(channels.output);
    look_into_pipes(channels);
    position = channels.output.stamp_event();
  }
  if (!send_all(channels.link.get(), framed(body, position, descriptors.size()), descriptors))
    ::_exit(kNoLink);
}

}  // namespace replwire::server::survive
