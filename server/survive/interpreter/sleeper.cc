#include "server/survive/interpreter/sleeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <span>

#include "runtime/os/detached_fork.h"
#include "server/survive/interpreter/transmit.h"
#include "server/survive/wire/inbox.h"
#include "server/survive/wire/messages.h"
#include "server/survive/wire/packing.h"
#include "server/survive/wire/sending.h"
#include "server/system/descriptors/private_range.h"
#include "server/system/threads.h"

namespace replwire::server::survive {
namespace {

// Not the least that there is: on a busy machine memory is to become free nevertheless.
constexpr int kNicenessAtEnd = 10;

std::string score_file(const std::string& process) { return "/proc/" + process + "/oom_score_adj"; }

int score_of(pid_t process) {
  const std::string path = score_file(std::to_string(process));
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 16> text = {};
  int value = 0;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size > 0) std::from_chars(text.data(), text.data() + size, value);
  return value;
}

void set_score(int value) {
  const Descriptor file(::open(score_file("self").c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(value);
  [[maybe_unused]] const auto written = ::write(file.get(), text.data(), text.size());
}

// When memory runs out the system is to take what can be restored.
int interpreter_score(int server_score) { return std::min(server_score + 200, 1000); }

bool is_hung_up(const Descriptor& link) {
  pollfd state = {link.get(), 0, 0};
  return ::poll(&state, 1, 0) == 1;
}

// The process in between has to be gone: its death is not to be taken for the server's. (That one's
// number may still be known, of a process that nobody has waited for.)
void live_as_long_as(pid_t server, const Descriptor& link) {
  while (::getppid() != server) {
    if (is_hung_up(link)) ::_exit(0);
    ::sched_yield();
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != server) ::_exit(0);
}

// Under the same number, which forked children of user code's close; if user code has set itself a
// limit below that, under another.
void take_place(Descriptor& place, Descriptor socket) {
  if (::dup3(socket.get(), place.get(), O_CLOEXEC) < 0) place = std::move(socket);
}

// What the server sends for a copy: the link's sockets, the capture pipes, and the keeper's socket
// where there is one; or all channels of another session.
struct Call {
  std::vector<Descriptor> descriptors;
  bool for_another;
};

// It is given up when a newer one is there, which is when a result is told: to take its memory
// apart takes half a millisecond, in which others want the processor.
[[noreturn]] void end_in_the_background() {
  ::setpriority(PRIO_PROCESS, 0, kNicenessAtEnd);
  give_way();
  ::_exit(0);
}

Call await_call(const Descriptor& control, LentDescriptors* lent) {
  for (;;) {
    std::string word;
    Call call = {};
    const ssize_t size = receive_some(control.get(), word, call.descriptors, 0);
    if (size < 0 && errno == EINTR) continue;
    if (word == kLockTaken) {
      if (lent != nullptr) lent->let_go_of_locked();
      ::send(control.get(), kLetGo.data(), kLetGo.size(), MSG_NOSIGNAL);
      continue;
    }
    if (size <= 0 || call.descriptors.size() < kForThisSessionAtLeast) end_in_the_background();
    call.for_another = word == kForAnother;
    if (!call.for_another || call.descriptors.size() == Channels::kDescriptors) return call;
  }
}

void say_not_copied(const Call& call, const char* why) {
  const std::string body = packed(Message(NotCopied{why}));
  send_all(call.descriptors[kLinkOfAnother].get(), framed(body), {});
}

// A session that ends kills who has its crash file: a copy for another one never has this one's.
// Returns this one's, to be put back.
Descriptor show_mark_of_another(const Channels& channels, const Call& call) {
  const int place = channels.stack.crash.get();
  Descriptor own(::fcntl(place, F_DUPFD_CLOEXEC, PrivateRange::first_number()));
  if (own) ::dup3(call.descriptors[kCrashOfAnother].get(), place, O_CLOEXEC);
  return own;
}

// In a copy. False where there is no room for it after all.
bool take_places(Channels& channels, Call& call) {
  if (call.for_another) return channels.become(std::move(call.descriptors));
  take_place(channels.link, std::move(call.descriptors[0]));
  take_place(channels.inquiries, std::move(call.descriptors[1]));
  channels.capture.become(CapturePipes(std::span(call.descriptors).subspan<2, 4>()));
  return true;
}

}  // namespace

runtime::Lost sleep_until_woken(Descriptor control, Channels& channels, LentDescriptors* lent) {
  const int server_score = score_of(channels.server);
  set_score(server_score);
  give_way();  // to the interpreter, which tells of this snapshot
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  for (Descriptor* place : {&channels.link, &channels.inquiries}) {
    // The sockets of the process that this one is a copy of.
    take_place(*place, Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  }
  const auto pipes_before = channels.capture.inodes();
  channels.capture.let_go();
  if (lent != nullptr && !lent->empty()) {
    lent->let_go();
    ::send(control.get(), kLetGo.data(), kLetGo.size(), MSG_NOSIGNAL);
  }
  Call call = {};
  for (;;) {
    call = {};  // what the copy before has
    call = await_call(control, lent);
    const Descriptor own_mark =
        call.for_another ? show_mark_of_another(channels, call) : Descriptor();
    const pid_t copy = runtime::detached_copy();
    if (copy == 0 || (copy < 0 && !call.for_another)) break;
    if (own_mark) ::dup3(own_mark.get(), channels.stack.crash.get(), O_CLOEXEC);
    if (copy < 0) say_not_copied(call, std::strerror(errno));
  }
  Descriptor keeper;
  if (!call.for_another && call.descriptors.size() > kForThisSessionAtLeast)
    keeper = std::move(call.descriptors[kForThisSessionAtLeast]);
  if (!take_places(channels, call)) ::_exit(1);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  live_as_long_as(channels.server, channels.link);
  set_score(interpreter_score(server_score));
  transmit(channels, Hello{::getpid()});
  return lent != nullptr ? lent->take_back(keeper, pipes_before, channels.capture)
                         : runtime::Lost();
}

void go_apart(Descriptor control, Channels& channels, const LentDescriptors& lent) {
  const int server_score = score_of(channels.server);
  take_place(channels.link, std::move(control));
  take_place(channels.inquiries, Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  lent.let_go();
  live_as_long_as(channels.server, channels.link);
  set_score(interpreter_score(server_score));
}

}  // namespace replwire::server::survive
