#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/survival.h"

namespace replwire_tests {

// A branch of a server's session, as a client has it.
class Branch {
 public:
  // `parent`: null is the first session. The frames up to the reply are read.
  explicit Branch(ServerProcess& server, const Json& parent = nullptr, Json extra = Json::object())
      : server_(server) {
    extra["type"] = "branch";
    if (!parent.is_null()) extra["session"] = parent;
    reply_ = request(server, std::move(extra));
    name_ = reply_.value("session", Json());
  }

  const Json& reply() const { return reply_; }
  const Json& name() const { return name_; }
  pid_t pid() const { return reply_.at("pid").get<pid_t>(); }

  Json start(std::string_view code, Json extra = Json::object()) {
    extra["session"] = name_;
    return server_.start(code, std::move(extra));
  }
  // Frames up to that execution's last one, of all sessions.
  std::vector<Json> finish(const Json& id) {
    return server_.read_until([&](const Json& frame) {
      const Json& type = frame["type"];
      return (type == "result" || type == "error") && frame["execution_id"] == id &&
             frame.value("session", Json()) == name_;
    });
  }
  // How it ended.
  Json execute(std::string_view code, Json extra = Json::object()) {
    return finish(start(code, std::move(extra))).back();
  }
  Json ask(Json frame) {
    frame["session"] = name_;
    return request(server_, std::move(frame));
  }
  // A `close` names the session itself.
  Json close() { return request(server_, {{"type", "close"}, {"session", name_}}); }

 private:
  ServerProcess& server_;
  Json reply_;
  Json name_;
};

}  // namespace replwire_tests
