#include "support/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

namespace replwire_tests {
namespace {

constexpr std::size_t kLargestOutputFrame = 60 * 1024;
constexpr std::size_t kFramesShown = 40;

std::array<Fd, 2> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  return {Fd(ends[0]), Fd(ends[1])};
}

// Only for this side: the two ends of a pipe share no flags.
void set_nonblocking(const Fd& fd) { ::fcntl(fd.get(), F_SETFL, O_NONBLOCK); }

}  // namespace

ServerProcess::ServerProcess(const Launch& launch) : stderr_(make_capture_file()) {
  // A server that has ended must be an error of one write, not the test's end.
  ::signal(SIGPIPE, SIG_IGN);
  auto [input_end, our_input] = make_pipe();
  auto [our_output, output_end] = make_pipe();
  if (!launch.stdin_path.empty()) {
    input_end = Fd(::open(launch.stdin_path.c_str(), O_RDONLY | O_CLOEXEC));
    our_input.reset();
  }
  stdin_ = std::move(our_input);
  stdout_ = std::move(our_output);
  if (stdin_.is_open()) set_nonblocking(stdin_);
  set_nonblocking(stdout_);
  pid_ = spawn(launch, input_end.get(), output_end.get(), stderr_.get());
  input_end.reset();
  output_end.reset();
  if (launch.await_ready) ready_ = read_frame();
}

ServerProcess::~ServerProcess() {
  if (reaped_) return;
  ::kill(pid_, SIGKILL);
  reap(pid_);
}

void ServerProcess::send_line(std::string_view line) {
  std::string bytes(line);
  bytes += '\n';
  send_bytes(bytes);
}

void ServerProcess::send_bytes(std::string_view bytes) {
  const Clock::time_point deadline = Clock::now() + kPatience;
  while (!bytes.empty()) {
    const ssize_t written = ::write(stdin_.get(), bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) fail("the server no longer reads its input");
    pollfd entries[] = {{stdin_.get(), POLLOUT, 0}, {stdout_.get(), POLLIN, 0}};
    ::poll(entries, at_end_ ? 1 : 2, 1000);
    drain();
    if (Clock::now() > deadline) fail("the server does not read its input");
  }
}

void ServerProcess::signal(int number) const {
  if (!reaped_) ::kill(pid_, number);
}

Json ServerProcess::read_frame(Millis patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  if (next_ == frames_.size() && !receive(deadline)) fail("the server's output ended");
  return frames_[next_++];
}

std::vector<Json> ServerProcess::read_until(const std::function<bool(const Json&)>& fits) {
  std::vector<Json> read;
  do {
    read.push_back(read_frame());
  } while (!fits(read.back()));
  return read;
}

std::vector<Json> ServerProcess::read_until(std::string_view type) {
  return read_until([type](const Json& frame) { return frame["type"] == type; });
}

Json ServerProcess::read_output() {
  std::string text;
  const std::vector<Json> frames = read_until([&text](const Json& frame) {
    if (frame["type"] == "output") text += frame["data"].get<std::string>();
    return text.find('\n') != std::string::npos;
  });
  Json output = frames.back();
  output["data"] = std::move(text);
  return output;
}

std::vector<Json> ServerProcess::read_to_end() {
  const Clock::time_point deadline = Clock::now() + kPatience;
  while (receive(deadline)) {
  }
  std::vector<Json> rest(frames_.begin() + static_cast<std::ptrdiff_t>(next_), frames_.end());
  next_ = frames_.size();
  return rest;
}

Json ServerProcess::start(std::string_view code, Json extra) {
  extra["type"] = "execute";
  extra["code"] = code;
  if (!extra.contains("id")) extra["id"] = fresh_id();
  started_at_[extra["id"].dump()] = frames_.size();
  send(extra);
  return extra["id"];
}

Execution ServerProcess::finish(const Json& id) {
  Execution execution;
  const auto started = started_at_.find(id.dump());
  const Clock::time_point deadline = Clock::now() + kPatience;
  for (std::size_t at = started == started_at_.end() ? 0 : started->second;; ++at) {
    if (at == frames_.size() && !receive(deadline)) fail("no terminal frame for " + id.dump());
    const Json& frame = frames_[at];
    if (frame.value("execution_id", Json()) != id) continue;
    execution.frames.push_back(frame);
    if (!is_terminal(frame)) continue;
    next_ = std::max(next_, at + 1);
    break;
  }
  execution.terminal = execution.frames.back();
  execution.out = output_text(execution.frames, "stdout");
  execution.err = output_text(execution.frames, "stderr");
  return execution;
}

Execution ServerProcess::execute(std::string_view code, Json extra) {
  return finish(start(code, std::move(extra)));
}

Json ServerProcess::await_input() {
  Json frame;
  do {
    frame = read_frame();
    if (is_terminal(frame)) fail("an execution ended where it was to ask");
  } while (frame["type"] != "input");
  return frame;
}

void ServerProcess::answer(const Json& input_id, std::string_view data) {
  send({{"type", "input_response"}, {"input_id", input_id}, {"data", data}});
}

void ServerProcess::answer(std::string_view data) {
  send({{"type", "input_response"}, {"data", data}});
}

Execution ServerProcess::ask(std::string_view code, std::string_view data) {
  const Json id = start(code);
  answer(await_input()["id"], data);
  return finish(id);
}

Json ServerProcess::interrupt(const Json& execution_id) {
  Json request{{"type", "interrupt"}, {"id", fresh_id()}};
  if (!execution_id.is_null()) request["execution_id"] = execution_id;
  send(request);
  return read_until("interrupt_reply").back();
}

std::vector<Json> ServerProcess::read_through_status() {
  const Json id = fresh_id();
  send({{"type", "status"}, {"id", id}});
  return read_until(
      [&id](const Json& frame) { return frame["type"] == "status_reply" && frame["id"] == id; });
}

Json ServerProcess::status() { return read_through_status().back(); }

std::vector<Json> ServerProcess::frames_before_status() {
  std::vector<Json> frames = read_through_status();
  frames.pop_back();
  return frames;
}

int ServerProcess::wait_exit(Millis patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  const Fd ended = open_pidfd(pid_);
  pollfd entries[] = {{ended.get(), POLLIN, 0}, {stdout_.get(), POLLIN, 0}};
  while (!(entries[0].revents & POLLIN)) {
    // A server whose output nobody reads cannot end.
    ::poll(entries, at_end_ || !stdout_.is_open() ? 1 : 2, 1000);
    drain();
    if (Clock::now() > deadline) fail("the server did not end");
  }
  reaped_ = true;
  return reap(pid_);
}

std::string ServerProcess::describe() const {
  std::string text = "\nframes seen (" + std::to_string(frames_.size()) + "):\n";
  const std::size_t first = frames_.size() > kFramesShown ? frames_.size() - kFramesShown : 0;
  for (std::size_t at = first; at < frames_.size(); ++at) {
    text += (at < next_ ? "  " : "  (not read by the test) ") + printable(frames_[at]) + "\n";
  }
  if (!buffer_.empty()) text += "half a line: " + shortened(buffer_) + "\n";
  const std::string errors = stderr_text();
  const std::size_t tail = errors.size() > 4000 ? errors.size() - 4000 : 0;
  return text + "stderr: " + errors.substr(tail);
}

void ServerProcess::fail(const std::string& what) const {
  throw std::runtime_error(what + describe());
}

bool ServerProcess::receive(Clock::time_point deadline) {
  while (!take_line()) {
    if (at_end_) {
      if (!buffer_.empty()) fail("the server's output ended with half a line");
      return false;
    }
    if (!wait_for(stdout_.get(), POLLIN, deadline)) fail("no frame came in time");
    read_some();
  }
  return true;
}

bool ServerProcess::take_line() {
  const std::size_t end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    return false;
  }
  const std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  scanned_ = 0;
  accept_line(line);
  return true;
}

void ServerProcess::read_some() {
  char chunk[65536];
  const ssize_t got = ::read(stdout_.get(), chunk, sizeof chunk);
  if (got > 0) buffer_.append(chunk, static_cast<std::size_t>(got));
  if (got == 0) at_end_ = true;
}

void ServerProcess::drain() {
  if (!stdout_.is_open()) return;
  while (!at_end_ && wait_for(stdout_.get(), POLLIN, Clock::now())) {
    read_some();
    while (take_line()) {
    }
  }
}

void ServerProcess::accept_line(std::string_view line) {
  Json frame;
  try {
    frame = Json::parse(line);  // which also finds invalid UTF-8
  } catch (const Json::exception& error) {
    fail("not a frame: " + shortened(std::string(line)) + "\n" + error.what());
  }
  check_line(line, frame);
  frames_.push_back(std::move(frame));
  arrivals_.push_back(Clock::now());
}

void ServerProcess::check_line(std::string_view line, const Json& frame) const {
  const auto refuse = [&](const std::string& why) {
    fail(why + ": " + shortened(std::string(line)));
  };
  if (!frame.is_object() || !frame.contains("type")) refuse("not an object with a type");
  const auto is_control = [](char byte) { return static_cast<unsigned char>(byte) < 0x20; };
  if (std::ranges::any_of(line, is_control)) refuse("a raw control character");
  for (std::string_view separator : {"\u2028", "\u2029"}) {
    if (line.find(separator) != line.npos) refuse("a raw line separator");
  }
  if (frame["type"] == "output" && line.size() > kLargestOutputFrame) refuse("too long an output");
}

}  // namespace replwire_tests
