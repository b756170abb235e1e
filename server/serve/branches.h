#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/serve/server.h"
#include "server/session/session_host.h"
#include "server/survive/server/reaper.h"
#include "server/survive/server/remote_link.h"
#include "server/survive/wire/channels.h"
#include "server/system/side_thread.h"

namespace replwire::server::survive {

// The sessions beside the first one.
//
// A branch is made and taken apart on the io_context, by handlers of its own, so that neither is in
// the way of a request. It begins as a copy of a process that sleeps, a snapshot of its parent's,
// and is in `all_` from before that copy is asked for. From then on it is a session like any
// other: what is for it is handed over by whoever has it, on any thread, and holds it meanwhile.
//
// It ends when its session is over, for whatever reason. Its processes are ended on a thread that
// may wait for them. Then it leaves `all_`; what is still on its way to its parts has arrived when
// each of their strands has been passed once; then it is destroyed, and only then its `close` is
// answered, so that a client that has the reply finds nothing left. The first session ends last.
class Branches final : public SessionHost {
 public:
  Branches(const Options& options, std::function<Descriptor()> make_origin);
  Branches(const Branches&) = delete;
  Branches& operator=(const Branches&) = delete;

  // The first session's, before and after the server is there.
  Reaper& reaper(asio::io_context& io);
  void serve(Server& server, RemoteLink& first, const Channels& channels);

  // For the reader's thread, of all sessions; see InterpreterLink.
  int incoming() const { return incoming_.get(); }
  void take_incoming();

  void begin(const Session& parent, BranchStart start) override;
  void close(const std::string& name, ReplyOnce reply) override;
  void list(const Session& asked, ReplyOnce reply) override;
  void shut_down() override;
  void end_input() override;
  void ended(const Session& branch) override;
  bool any() const override;
  std::shared_ptr<Session> find(const std::string& name) const override;
  std::vector<std::shared_ptr<Session>> all() const override;
  bool others_have(const Session& session, pid_t process) const override;
  bool failed() const override { return failed_; }

 private:
  struct Branch;
  using Ref = std::shared_ptr<Branch>;

  void create(const Ref& branch, BranchStart start);
  void begin_session(const Ref& branch, BranchStart start);
  void end(const Ref& branch);
  void sweep(Branch& branch) const;
  void take_apart(std::uint64_t number);
  void forget(const Ref& branch);
  void close_one();
  void count_out();
  void watch(std::uint64_t number, RemoteLink& link);
  Ref branch_of(const Session& session) const;
  std::vector<Ref> refs() const;
  static std::shared_ptr<Session> session_of(const Ref& branch);

  const Options& options_;
  const std::function<Descriptor()> make_origin_;
  Server* server_ = nullptr;
  RemoteLink* first_ = nullptr;
  int mark_ = -1;
  int session_mark_ = -1;  // under which an interpreter has a file that is its session's alone
  std::optional<Reaper> reaper_;
  Descriptor incoming_;  // an epoll of what the links' are
  bool one_began_ = false;
  std::atomic<bool> input_ended_{false};
  std::atomic<bool> shutting_down_{false};
  std::atomic<bool> failed_{false};
  SideThread memory_reader_{"memory-reader"};

  mutable std::mutex mutex_;          // of what follows; none other is taken under it
  std::map<std::uint64_t, Ref> all_;  // that have been made
  std::size_t open_ = 0;              // with those that have not, until they are told as closed
  std::size_t living_ = 0;            // and until that has been told
  std::uint64_t last_number_ = 0;
};

}  // namespace replwire::server::survive
