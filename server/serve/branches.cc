#include "server/serve/branches.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "protocol/encoder.h"
#include "server/system/process/descendants.h"
#include "server/system/process/end_descendants.h"
#include "server/system/process/process_facts.h"

namespace replwire::server::survive {
namespace {

using protocol::ErrorCode;

// Each session takes some, and all of them together more than one process commonly has. What this
// process starts has the limit that this one began with.
void raise_descriptor_limit() {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

struct Branches::Branch {
  std::uint64_t number;
  std::string name;
  std::optional<std::string> label;
  std::optional<std::string> parent;  // none: the first session
  Sleepers::Lent begins_in;

  // In the order in which they need one another.
  std::optional<Channels> channels;
  RemoteLink* link = nullptr;  // the session's
  std::optional<HostedSession> hosted;

  std::mutex mutex;  // of what follows
  std::vector<ReplyOnce> closing;
  bool gone = false;

  std::function<void()> tell_end;  // once it has been destroyed
};

Branches::Branches(const Options& options, std::function<Descriptor()> make_origin)
    : options_(options),
      make_origin_(std::move(make_origin)),
      incoming_(::epoll_create1(EPOLL_CLOEXEC)) {}

Reaper& Branches::reaper(asio::io_context& io) {
  if (!reaper_) reaper_.emplace(io);
  return *reaper_;
}

void Branches::serve(Server& server, RemoteLink& first, const Channels& channels) {
  server_ = &server;
  first_ = &first;
  mark_ = channels.output.descriptor();
  session_mark_ = channels.stack.crash.get();
  watch(0, first);
}

// ---- the reader's thread --------------------------------------------------------------------

void Branches::watch(std::uint64_t number, RemoteLink& link) {
  epoll_event event = {EPOLLIN, {}};
  event.data.u64 = number;
  ::epoll_ctl(incoming_.get(), EPOLL_CTL_ADD, link.incoming(), &event);
}

void Branches::take_incoming() {
  if (!any()) return first_->take_incoming();
  std::array<epoll_event, 16> events;
  const int count =
      ::epoll_wait(incoming_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t number = events[static_cast<std::size_t>(i)].data.u64;
    if (number == 0) {
      first_->take_incoming();
      continue;
    }
    Ref branch;
    {
      const std::lock_guard lock(mutex_);
      const auto found = all_.find(number);
      if (found != all_.end()) branch = found->second;
    }
    if (branch) branch->link->take_incoming();
  }
}

// ---- which there are ------------------------------------------------------------------------

bool Branches::any() const {
  const std::lock_guard lock(mutex_);
  return living_ > 0;
}

std::vector<Branches::Ref> Branches::refs() const {
  const std::lock_guard lock(mutex_);
  std::vector<Ref> refs;
  for (const auto& [number, branch] : all_) refs.push_back(branch);
  return refs;
}

// Holds the branch as well.
std::shared_ptr<Session> Branches::session_of(const Ref& branch) {
  return {branch, &branch->hosted->session()};
}

std::shared_ptr<Session> Branches::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [number, branch] : all_) {
    if (branch->name == name) return session_of(branch);
  }
  return nullptr;
}

std::vector<std::shared_ptr<Session>> Branches::all() const {
  std::vector<std::shared_ptr<Session>> all;
  for (const Ref& branch : refs()) all.push_back(session_of(branch));
  return all;
}

Branches::Ref Branches::branch_of(const Session& session) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [number, branch] : all_) {
    if (&branch->hosted->session() == &session) return branch;
  }
  return nullptr;
}

bool Branches::others_have(const Session& session, pid_t process) const {
  std::vector<std::string> files;
  if (&session != &server_->session()) files = server_->outputs().pipes();
  for (const Ref& branch : refs()) {
    if (&branch->hosted->session() == &session) continue;
    const auto pipes = branch->hosted->outputs().pipes();
    files.insert(files.end(), pipes.begin(), pipes.end());
  }
  return !files.empty() && writes_to(process, files);
}

// ---- how one begins -------------------------------------------------------------------------

// With the parent's lock: what of its is needed is taken here.
void Branches::begin(const Session& parent, BranchStart start) {
  const Ref of = branch_of(parent);
  // Where it is destroyed there is no handler of its parts, whoever has had it last.
  const Ref branch(new Branch(), [this](Branch* gone) {
    asio::post(server_->io(), [gone] {
      const auto tell_end = std::move(gone->tell_end);
      delete gone;
      if (tell_end) tell_end();
    });
  });
  {
    const std::lock_guard lock(mutex_);
    if (open_ + 1 >= options_.sessions) {
      return start.reply.refuse(ErrorCode::kTooManySessions,
                                std::to_string(options_.sessions) + " are open already");
    }
    ++open_;
    ++living_;
    branch->number = ++last_number_;
  }
  branch->name = "branch-" + std::to_string(branch->number);
  branch->label = std::move(start.label);
  if (of) {
    branch->parent = of->name;
    start.parent = session_of(of);
  }
  branch->begins_in = (of ? *of->link : *first_).all_sleepers().lend(start.number);
  asio::post(server_->io(), [this, branch, start = std::move(start)]() mutable {
    create(branch, std::move(start));
  });
}

void Branches::create(const Ref& branch, BranchStart start) {
  if (!std::exchange(one_began_, true)) raise_descriptor_limit();
  try {
    auto way = OutsideSignals::open_another();
    Channels& channels = branch->channels.emplace();
    channels.signals = std::move(way.noting);
    const auto make_link = [&](asio::io_context& io, Outputs& /*outputs*/) {
      auto link = std::make_unique<RemoteLink>(io, *reaper_, channels, make_origin_, mark_);
      branch->link = link.get();
      return link;
    };
    Branch* const raw = branch.get();
    branch->hosted.emplace(
        HostedSession::Common{server_->io(), server_->writer(), server_->log(), options_, this},
        branch->name,
        HostedSession::Shared{channels.capture, channels.stack, &channels.output,
                              std::move(way.noted)},
        make_link, [this](bool held) { server_->hold_reader(held); },
        [raw](const OutsideSignals::Message& message) {
          raw->hosted->session().signalled(message);
        });
  } catch (const std::exception& error) {
    close_one();
    start.reply.refuse(ErrorCode::kInternal,
                       std::string("the system could not make one: ") + error.what());
    return count_out();
  }
  begin_session(branch, std::move(start));
}

void Branches::begin_session(const Ref& branch, BranchStart start) {
  Session& session = branch->hosted->session();
  const auto number = start.number;
  branch->link->all_sleepers().borrow(number, std::move(branch->begins_in));
  branch->link->connect(branch->hosted->outputs(),
                        {[&session](const Started&) { session.receive(runtime::Restored{}); },
                         [&session](runtime::Event event) { session.receive(std::move(event)); },
                         [&session](const std::string& failure) { session.not_begun(failure); },
                         [&session] { session.finish(); },
                         [&session](const Death& death) { session.interpreter_died(death); }});
  session.begin(std::move(start));
  {
    const std::lock_guard lock(mutex_);
    all_.emplace(branch->number, branch);
  }
  watch(branch->number, *branch->link);
  branch->link->wake(number);
  if (input_ended_) session.end_input();
  if (shutting_down_) session.end();
}

// ---- how one ends ---------------------------------------------------------------------------

void Branches::close(const std::string& name, ReplyOnce reply) {
  for (const Ref& branch : refs()) {
    if (branch->name != name) continue;
    const std::lock_guard lock(branch->mutex);
    if (branch->gone) break;
    branch->closing.push_back(std::move(reply));
    return asio::post(server_->io(), [branch] { branch->hosted->session().end(); });
  }
  reply.refuse(ErrorCode::kInvalidField, "/session: there is no \"" + name + '"');
}

void Branches::shut_down() {
  shutting_down_ = true;
  asio::post(server_->io(), [this] {
    for (const auto& each : all()) each->end();
  });
}

void Branches::end_input() {
  input_ended_ = true;
  for (const auto& each : all()) each->end_input();
}

// With the session's lock.
void Branches::ended(const Session& session) {
  if (const Ref branch = branch_of(session))
    asio::post(server_->io(), [this, branch] { end(branch); });
}

// The thread has no part in the branch when it may be destroyed.
void Branches::end(const Ref& branch) {
  Branch* const raw = branch.get();
  branch->hosted->session().end_processes([this, raw, number = branch->number] {
    sweep(*raw);
    asio::post(server_->io(), [this, number] { take_apart(number); });
  });
}

// A snapshot that had just been taken, an interpreter that had just been woken: its session has
// not heard of it yet, and will not.
void Branches::sweep(Branch& branch) const {
  constexpr int kMostTimes = 10;
  struct stat file = {};
  ::fstat(branch.channels->stack.crash.get(), &file);
  for (int times = 0; times < kMostTimes; ++times) {
    std::vector<pid_t> own = branch.link->give_up_sleepers();
    const auto shared = branch.link->sleepers();
    for (const pid_t child : children_of(::getpid())) {
      const std::string path =
          "/proc/" + std::to_string(child) + "/fd/" + std::to_string(session_mark_);
      struct stat theirs = {};
      if (::stat(path.c_str(), &theirs) == 0 && theirs.st_ino == file.st_ino &&
          theirs.st_dev == file.st_dev && std::ranges::count(shared, child) == 0)
        own.push_back(child);
    }
    if (own.empty()) return;
    end_tree(0, own, std::nullopt, {}, {});
  }
}

void Branches::take_apart(std::uint64_t number) {
  Ref branch;
  {
    const std::lock_guard lock(mutex_);
    const auto found = all_.find(number);
    if (found == all_.end()) return;
    branch = std::move(found->second);
    all_.erase(found);
  }
  if (branch->hosted->session().failed()) failed_ = true;
  ::epoll_ctl(incoming_.get(), EPOLL_CTL_DEL, branch->link->incoming(), nullptr);
  branch->link->disconnect(
      [this, branch] { branch->hosted->stack().close([this, branch] { forget(branch); }); });
}

// The handler that called this still holds the branch.
void Branches::forget(const Ref& branch) {
  std::vector<ReplyOnce> closing;
  {
    const std::lock_guard lock(branch->mutex);
    branch->gone = true;
    closing = std::move(branch->closing);
  }
  const bool by_itself =
      closing.empty() && branch->hosted->session().opened() && !input_ended_ && !shutting_down_;
  branch->tell_end = [this, by_itself, name = branch->name,
                      closing = std::make_shared<std::vector<ReplyOnce>>(std::move(closing))] {
    close_one();
    for (ReplyOnce& reply : *closing) reply.answer(protocol::CloseReply{{}, name});
    if (by_itself) server_->writer().write(protocol::encode(protocol::CloseReply{{}, name}));
    count_out();
  };
}

// Before its client hears of it, who may begin another one at once.
void Branches::close_one() {
  const std::lock_guard lock(mutex_);
  --open_;
}

void Branches::count_out() {
  {
    const std::lock_guard lock(mutex_);
    --living_;
  }
  server_->session().branch_ended();
}

// ---- which there are, for the client --------------------------------------------------------

// The system walks through all pages of a process for its memory.
void Branches::list(const Session& asked, ReplyOnce reply) {
  const auto owed = std::make_shared<ReplyOnce>(std::move(reply));
  asio::post(server_->io(), [this, owed, of = branch_of(asked)] {
    auto told = std::make_shared<protocol::SessionsReply>();
    told->sessions.push_back(server_->session().entry());
    for (const Ref& branch : refs()) {
      protocol::SessionEntry entry = branch->hosted->session().entry();
      entry.session = branch->name;
      entry.name = branch->label;
      entry.parent = branch->parent;
      told->sessions.push_back(std::move(entry));
    }
    memory_reader_.post([this, owed, told, of] {
      for (auto& entry : told->sessions)
        entry.memory = proportional_bytes(static_cast<pid_t>(entry.pid));
      asio::post(server_->io(), [owed, told, of] { owed->answer(std::move(*told)); });
    });
  });
}

}  // namespace replwire::server::survive
