#pragma once

#include <string>
#include <vector>

#include "support/survival.h"

// A client that offers functions.
namespace replwire_tests {

inline Json function(std::string_view name, Json more = Json::object()) {
  more["name"] = name;
  return more;
}

inline Json define(ServerProcess& server, Json functions, Json more = Json::object()) {
  more["type"] = "functions";
  more["functions"] = std::move(functions);
  return request(server, std::move(more));
}

inline Json await_call(ServerProcess& server) { return server.read_until("call").back(); }

inline void give(ServerProcess& server, const Json& call_id, const Json& data) {
  server.send({{"type", "call_response"}, {"call_id", call_id}, {"data", data}});
}

inline void fail(ServerProcess& server, const Json& call_id, std::string_view type,
                 std::string_view message) {
  const Json error = {{"type", type}, {"message", message}};
  server.send({{"type", "call_response"}, {"call_id", call_id}, {"error", error}});
}

// Runs code that calls once, and answers with the call's own arguments: [args, kwargs].
inline Execution echo(ServerProcess& server, std::string_view code) {
  const Json id = server.start(code);
  const Json call = await_call(server);
  give(server, call["id"], Json::array({call["args"], call["kwargs"]}));
  return server.finish(id);
}

}  // namespace replwire_tests
