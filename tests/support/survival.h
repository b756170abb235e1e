#pragma once

#include <signal.h>

#include <fstream>
#include <string>
#include <vector>

#include "support/server_process.h"

namespace replwire_tests {

// For `ServerProcess server(surviving({"--snapshots", "1"}));`
inline Launch surviving(std::vector<std::string> more = {}) {
  more.insert(more.begin(), "--survive");
  return options(std::move(more));
}

// The first of that type; null when there is none.
inline Json frame_of(const std::vector<Json>& frames, std::string_view type) {
  for (const Json& frame : frames) {
    if (frame["type"] == type) return frame;
  }
  return {};
}

inline pid_t first_interpreter(const ServerProcess& server) {
  return server.ready()["python"]["pid"].get<pid_t>();
}

// Ends the interpreter from outside, at rest, and returns the `restored` frame.
inline Json kill_at_rest(ServerProcess& server, pid_t interpreter) {
  ::kill(interpreter, SIGKILL);
  return server.read_until("restored").back();
}

// Sends a frame with a fresh id and reads up to what answers it.
inline Json request(ServerProcess& server, Json frame) {
  static int number = 0;
  const Json id = "request-" + std::to_string(++number);
  frame["id"] = id;
  server.send(frame);
  const auto answers = [&id](const Json& read) { return read.value("id", Json()) == id; };
  return server.read_until(answers).back();
}

inline Json checkpoint(ServerProcess& server) {
  return request(server, {{"type", "checkpoint"}}).value("checkpoint_id", Json());
}

inline std::vector<pid_t> listed_children_of(pid_t process) {
  const std::string base = "/proc/" + std::to_string(process) + "/task/" + std::to_string(process);
  std::ifstream file(base + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

// While children are reaped a list may leave out one that lives; two that are the same do not.
inline std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> children = listed_children_of(process);
  for (std::vector<pid_t> next; (next = listed_children_of(process)) != children;) children = next;
  return children;
}

}  // namespace replwire_tests
