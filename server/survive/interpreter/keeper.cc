#include "server/survive/interpreter/keeper.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>

#include "server/survive/wire/channels.h"
#include "server/system/descriptors/private_range.h"

namespace replwire::server::survive {
namespace {

constexpr std::size_t kMostAtOnce = 64;

alignas(16) std::array<char, 64UL * 1024> stack;

struct Start {
  pid_t server;
  int socket;
  std::array<int, 2> links;
  const volatile int* life;  // not 0: the interpreter lives; a futex
};
// Global, since who has started the keeper, in the same memory, does not wait for it.
Start start;

// Numbers, with or without the descriptors themselves.
struct Parcel {
  std::array<int, kMostAtOnce> numbers;
  iovec part;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostAtOnce * sizeof(int))> control;
  msghdr message;
};

#define REPLWIRE_KEEPER __attribute__((no_sanitize_thread, no_sanitize_address))

REPLWIRE_KEEPER void prepare(Parcel& parcel, std::size_t count) {
  parcel.part = {parcel.numbers.data(), count * sizeof(int)};
  parcel.message = {};
  parcel.message.msg_iov = &parcel.part;
  parcel.message.msg_iovlen = 1;
}

REPLWIRE_KEEPER void attach(Parcel& parcel, std::size_t count) {
  prepare(parcel, count);
  if (count == 0) return;
  parcel.message.msg_control = parcel.control.data();
  parcel.message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&parcel.message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(header), parcel.numbers.data(), count * sizeof(int));
}

// The system clears the number of a thread that is gone, for whoever may wait for that. Also when
// the process becomes another program: then its sockets have to be closed here as well, which tells
// the server.
const volatile int* number_of_this_thread() {
  int* address = nullptr;
  return ::prctl(PR_GET_TID_ADDRESS, &address) == 0 ? address : nullptr;
}

REPLWIRE_KEEPER void outlive(const Start& own) {
  if (own.life == nullptr) return;
  for (int number = 0; (number = *own.life) != 0;) {
    ::syscall(SYS_futex, own.life, FUTEX_WAIT, number, nullptr, nullptr, 0);
  }
  for (const int link : own.links) ::close(link);
}

// While the interpreter lives this only waits: the C library's errno is that one's too.
REPLWIRE_KEEPER int keep(void* /*unused*/) {
  const Start own = start;
  Parcel parcel;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != own.server) ::_exit(0);
  outlive(own);
  for (;;) {
    prepare(parcel, kMostAtOnce);
    const auto size = ::syscall(SYS_recvmsg, own.socket, &parcel.message, 0);
    if (size <= 0) ::_exit(0);
    std::size_t open = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(size) / sizeof(int); ++i) {
      const int number = parcel.numbers[i];
      if (::fcntl(number, F_GETFD) >= 0) parcel.numbers[open++] = number;
    }
    // An empty message would read as the end.
    if (open == 0) parcel.numbers[0] = -1;
    attach(parcel, open);
    if (open == 0) prepare(parcel, 1);
    ::syscall(SYS_sendmsg, own.socket, &parcel.message, MSG_NOSIGNAL);
  }
}

bool receive_kept(const Descriptor& socket, std::vector<Kept>& kept) {
  Parcel parcel;
  prepare(parcel, kMostAtOnce);
  parcel.message.msg_control = parcel.control.data();
  parcel.message.msg_controllen = parcel.control.size();
  ssize_t size = 0;
  while ((size = ::recvmsg(socket.get(), &parcel.message, MSG_CMSG_CLOEXEC)) < 0 &&
         errno == EINTR) {
  }
  if (size <= 0) return false;
  const cmsghdr* header = CMSG_FIRSTHDR(&parcel.message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return true;
  const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
    kept.push_back({parcel.numbers[i], Descriptor(fd)});
  }
  return true;
}

}  // namespace

Keeper start_keeper(const Channels& channels, int& its_own) {
  auto pair = SocketPair::open(SOCK_SEQPACKET);
  if (!pair) return {};
  its_own = ::fcntl(pair->interpreter.get(), F_DUPFD_CLOEXEC, PrivateRange::first_number());
  start = {channels.server,
           its_own,
           {channels.link.get(), channels.inquiries.get()},
           number_of_this_thread()};
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const int pid =
      ::clone(keep, stack.data() + stack.size(), CLONE_VM | CLONE_FILES | CLONE_PARENT, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    ::close(its_own);
    its_own = -1;
    return {};
  }
  return {pid, std::move(pair->server)};
}

std::optional<std::vector<Kept>> ask_keeper(const Descriptor& socket,
                                            const std::vector<int>& numbers) {
  if (!socket) return std::nullopt;
  std::vector<Kept> kept;
  const timeval patience = {5, 0};  // somebody may have stopped it
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  for (std::span<const int> left(numbers); !left.empty();) {
    const std::size_t count = std::min(left.size(), kMostAtOnce);
    if (::send(socket.get(), left.data(), count * sizeof(int), MSG_NOSIGNAL) < 0 ||
        !receive_kept(socket, kept))
      return std::nullopt;
    left = left.subspan(count);
  }
  return kept;
}

}  // namespace replwire::server::survive
