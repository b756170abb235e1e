#pragma once

#include <map>
#include <optional>
#include <string>

#include "protocol/frames.h"
#include "runtime/link.h"
#include "server/session/reply_once.h"

namespace replwire::server {

// The client's functions that code may call: what the interpreter has been told of them, so that
// the next one can be told as well. Their names are Python's to judge, so a request is served when
// the interpreter has taken it. Belongs to the session, which guards it.
class FunctionDesk {
 public:
  // A request's turn has come: what the interpreter is to be told. It is busy until `defined`.
  runtime::Define begin(protocol::Functions& request, ReplyOnce reply);
  void defined(runtime::Defined& told);
  bool busy() const { return reply_.has_value(); }

  // The interpreter is gone, and with it what it was told last.
  void interpreter_died();
  // For the one that goes on, whatever it knows; nothing when there never were any functions.
  std::optional<runtime::Define> again() const;
  // A branch has those of the session that it began in.
  void know(const runtime::Define& all);
  // What is under way is dropped unanswered.
  void clear() { reply_.reset(); }

 private:
  std::map<std::string, runtime::HostFunction> functions_;
  bool any_ = false;  // have ever been defined

  std::optional<ReplyOnce> reply_;
  runtime::Define asked_;
};

}  // namespace replwire::server
