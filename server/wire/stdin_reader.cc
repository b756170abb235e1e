#include "server/wire/stdin_reader.h"

#include <poll.h>

#include <array>
#include <cerrno>

#include "server/system/descriptors/ready.h"

namespace replwire::server {
namespace {

// One of them alone may be answered by megabytes.
bool has_large_reply(const Incoming& incoming) {
  const auto* request = std::get_if<protocol::Request>(&incoming.frame);
  return request != nullptr && std::holds_alternative<protocol::OutputGet>(*request);
}

}  // namespace

StdinReader::StdinReader(asio::io_context& io, Descriptor input, Accepted accepted,
                         const FrameWriter& writer, Events events, LinkSocket link_socket)
    : io_(io),
      input_(std::move(input)),
      accepted_(accepted),
      lines_(accepted.max_frame_bytes),
      writer_(writer),
      events_(std::move(events)),
      link_socket_(std::move(link_socket)) {}

void StdinReader::hold(bool held) {
  held_ = held;
  if (!held) resumed_.wake();
}

void StdinReader::replies_drained() {
  if (waits_) resumed_.wake();
}

bool StdinReader::must_wait() const { return held_ || writer_.waiting_replies() > kMostReplies; }

void StdinReader::run() {
  const bool alone = link_socket_.descriptor < 0;
  for (bool more = true; more;) {
    wait_for_leave();
    if (!alone) wait_for(input_.get());
    if (!must_wait()) more = read_frames();
  }
  events_.ended();
  if (!alone) wait_for(-1);
}

// A wake that comes between the look and the wait is not lost: it stays in the event.
void StdinReader::wait_for_leave() {
  waits_ = true;
  while (must_wait()) {
    if (link_socket_.descriptor >= 0) wait_for(resumed_.descriptor());
    resumed_.wait();
  }
  waits_ = false;
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
    while (const auto line = lines_.next()) {
      add(frames, *line);
      if (!has_large_reply(frames.back())) continue;
      hand_over(frames);
      wait_for_leave();
    }
  } else if (const auto line = lines_.finish()) {
    add(frames, *line);
  }
  if (!frames.empty()) hand_over(frames);
  return size > 0;
}

void StdinReader::hand_over(std::vector<Incoming>& frames) {
  asio::dispatch(io_, [&] { events_.frames(std::exchange(frames, {})); });
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
    if (accepted_.recording != nullptr) accepted_.recording->came("(a line that is too long)");
    frames.push_back(
        {protocol::ProtocolError{
             protocol::ErrorCode::kFrameTooLarge,
             "frame: longer than " + std::to_string(accepted_.max_frame_bytes) + " bytes",
             std::nullopt, line.number},
         line.number});
    return;
  }
  if (accepted_.recording != nullptr) accepted_.recording->came(line.text);
  auto decoded = protocol::decode(line.text, line.number, accepted_.survive, accepted_.strict);
  frames.push_back({std::move(decoded.frame), line.number, std::move(decoded.session)});
}

}  // namespace replwire::server
