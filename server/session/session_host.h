#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/frames.h"
#include "runtime/link.h"
#include "server/session/recovery/snapshots.h"
#include "server/session/reply_once.h"

namespace replwire::server {

class Session;

// What a branch takes over from the session in whose state it begins.
struct BranchStart {
  Snapshots::Number number;
  Snapshots::Snapshot snapshot;
  std::uint64_t last_serial;
  std::int64_t last_count;
  std::optional<runtime::Define> functions;
  std::optional<runtime::WindowSize> window;
  std::optional<std::string> label;  // the client's name for it
  ReplyOnce reply;
  std::shared_ptr<Session> parent = {};  // until it is answered; null: the first one
};

// Those that hold the sessions beside the first one; with --survive. For any thread; what takes
// locks of sessions is done later, on the io_context.
class SessionHost {
 public:
  virtual ~SessionHost() = default;

  // Begins a branch of the session, or refuses.
  virtual void begin(const Session& parent, BranchStart start) = 0;
  virtual void close(const std::string& name, ReplyOnce reply) = 0;
  // `asked`: whose frames answer.
  virtual void list(const Session& asked, ReplyOnce reply) = 0;
  // The first session shuts down, or has had all its input, and so have all others.
  virtual void shut_down() = 0;
  virtual void end_input() = 0;
  // A branch is over: its processes end, then nothing of it is left.
  virtual void ended(const Session& branch) = 0;

  // Whether there is any branch; whether an execution in one has failed.
  virtual bool any() const = 0;
  virtual bool failed() const = 0;
  virtual std::shared_ptr<Session> find(const std::string& name) const = 0;
  virtual std::vector<std::shared_ptr<Session>> all() const = 0;
  // Whether the process writes to descriptors of another session than this one.
  virtual bool others_have(const Session& session, pid_t process) const = 0;
};

}  // namespace replwire::server
