#include "server/wire/stdin_reader.h"

#include <poll.h>

#include <array>
#include <cerrno>

#include "server/system/ready.h"

namespace replwire::server {

StdinReader::StdinReader(asio::io_context& io, Descriptor input, Accepted accepted, Events events,
                         LinkSocket link_socket)
    : io_(io),
      input_(std::move(input)),
      accepted_(accepted),
      lines_(accepted.max_frame_bytes),
      events_(std::move(events)),
      link_socket_(std::move(link_socket)) {}

void StdinReader::hold(bool held) {
  held_ = held;
  if (!held) resumed_.wake();
}

void StdinReader::run() {
  const bool alone = link_socket_.descriptor < 0;
  for (bool more = true; more;) {
    if (held_) {
      wait_for(resumed_.descriptor());
      resumed_.wait();
      continue;
    }
    if (!alone) wait_for(input_.get());
    if (!held_) more = read_frames();
  }
  events_.ended();
  if (!alone) wait_for(-1);
}

void StdinReader::wait_for(int descriptor) const {
  for (;;) {
    std::array<pollfd, 2> states = {pollfd{descriptor, POLLIN, 0},
                                    pollfd{link_socket_.descriptor, POLLIN, 0}};
    if (wait_until_ready(states) < 0) continue;
    if (states[1].revents != 0) link_socket_.readable();
    if (states[0].revents != 0) return;
  }
}

// False at the end of input.
bool StdinReader::read_frames() {
  std::array<char, 65536> buffer;
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
  return size > 0;
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
  auto decoded = protocol::decode(line.text, line.number, accepted_.survive, accepted_.strict);
  if (auto* request = std::get_if<protocol::Request>(&decoded)) {
    frames.push_back({std::move(*request), line.number});
  } else {
    frames.push_back({std::get<protocol::ProtocolError>(std::move(decoded)), line.number});
  }
}

}  // namespace replwire::server
