#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/link.h"
#include "server/session/reply_once.h"

namespace replwire::server {

// The saves that copies of the interpreter are at work on while code goes on; with --survive.
// Belongs to the session, which guards it.
class SaveDesk {
 public:
  // One whose turn has come: what the interpreter is to be told.
  runtime::SaveApart begin(runtime::ExecutionRef execution, runtime::Save request, ReplyOnce reply);
  // True until the copy is there: the interpreter is to stay as it is.
  bool busy() const { return beginning_.has_value(); }
  bool empty() const { return saves_.empty(); }

  // The one of that id, as JSON, for `interrupt`: it is answered when its copy is dead.
  std::optional<std::uint64_t> find(std::string_view key) const;
  void interrupt(std::uint64_t serial) { saves_.at(serial).interrupted = true; }

  void begun(const runtime::CopyBegun& begun);
  // Returns why there is no file; empty: there is.
  std::string done(const runtime::CopyDone& done);
  // With the one that it was told of, if that has not begun.
  void interpreter_died();
  // What is under way is dropped unanswered.
  void clear();

 private:
  struct Entry {
    runtime::ExecutionRef execution;
    ReplyOnce reply;
    bool interrupted = false;
  };

  std::string fail(std::uint64_t serial, std::string why);

  std::map<std::uint64_t, Entry> saves_;  // by the serial of the execution
  std::optional<std::uint64_t> beginning_;
};

}  // namespace replwire::server
