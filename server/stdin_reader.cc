#include "server/stdin_reader.h"

#include <poll.h>

#include <array>
#include <cerrno>

namespace replwire::server {

StdinReader::StdinReader(asio::io_context& io, Descriptor input, Accepted accepted, Events events)
    : io_(io),
      input_(std::move(input)),
      accepted_(accepted),
      lines_(accepted.max_frame_bytes),
      events_(std::move(events)) {}

void StdinReader::hold(bool held) {
  held_ = held;
  if (!held) resumed_.wake();
}

void StdinReader::run() {
  std::array<char, 65536> buffer;
  for (;;) {
    while (held_) resumed_.wait();
    const ssize_t size = read_some(buffer.data(), buffer.size());
    std::vector<Incoming> frames;
    if (size > 0) {
      lines_.feed({buffer.data(), static_cast<std::size_t>(size)});
      while (const auto line = lines_.next()) add(frames, *line);
    } else if (const auto line = lines_.finish()) {
      add(frames, *line);
    }
    if (!frames.empty()) {
      asio::dispatch(io_, [&] { events_.frames(std::move(frames)); });
    }
    if (size <= 0) break;
  }
  events_.ended();
}

// 0 at the end of input. An input that its owner has made non-blocking is waited for.
ssize_t StdinReader::read_some(char* buffer, std::size_t size) {
  for (;;) {
    const ssize_t got = ::read(input_.get(), buffer, size);
    if (got >= 0) return got;
    if (errno == EAGAIN) {
      pollfd state = {input_.get(), POLLIN, 0};
      ::poll(&state, 1, -1);
    } else if (errno != EINTR) {
      return 0;
    }
  }
}

void StdinReader::add(std::vector<Incoming>& frames, const protocol::Line& line) const {
  if (line.too_long) {
    frames.push_back(
        {protocol::ProtocolError{
             protocol::ErrorCode::kFrameTooLarge,
             "frame: longer than " + std::to_string(accepted_.max_frame_bytes) + " bytes",
             std::nullopt, line.number},
         line.number});
    return;
  }
  auto decoded = protocol::decode(line.text, line.number, accepted_.survive);
  if (auto* request = std::get_if<protocol::Request>(&decoded)) {
    frames.push_back({std::move(*request), line.number});
  } else {
    frames.push_back({std::get<protocol::ProtocolError>(std::move(decoded)), line.number});
  }
}

}  // namespace replwire::server
