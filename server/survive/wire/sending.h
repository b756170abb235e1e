#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/system/descriptors/descriptor.h"

// Bytes over a socket, with descriptors attached to the first of them.
namespace replwire::server::survive {

inline constexpr std::size_t kMostDescriptors = 16;

// What a sleeper is told: the sockets of a copy and the capture pipes come with it, or all channels
// of another session.
inline constexpr std::string_view kForThisSession = "w";
inline constexpr std::size_t kForThisSessionAtLeast = 6;  // descriptors; the keeper's is one more
inline constexpr std::string_view kForAnother = "b";
inline constexpr std::size_t kLinkOfAnother = 9;  // of those
inline constexpr std::size_t kCrashOfAnother = 8;
// Or: files that it has may have been locked meanwhile. And what it says when it holds none such.
inline constexpr std::string_view kLockTaken = "l";
inline constexpr std::string_view kLetGo = "r";

// As sendmsg(): what was taken, or -1.
inline ssize_t send_some(int socket, std::string_view bytes, std::span<const int> descriptors,
                         int flags) {
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptors.size() > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
  }
  return ::sendmsg(socket, &message, flags | MSG_NOSIGNAL);
}

// All of them, on a socket that blocks. False when it is gone.
inline bool send_all(int socket, std::string_view bytes, std::span<const int> descriptors) {
  for (std::string_view left = bytes; !left.empty();) {
    const bool first = left.size() == bytes.size();
    const ssize_t sent = send_some(socket, left, first ? descriptors : std::span<const int>(), 0);
    if (sent < 0 && errno != EINTR) return false;
    if (sent > 0) left.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// As recvmsg(): 0 at the end, -1 when there is nothing. Descriptors are appended in their order.
inline ssize_t receive_some(int socket, std::string& buffer, std::vector<Descriptor>& descriptors,
                            int flags) {
  std::array<char, 65536> bytes;
  iovec part = {bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  if (size <= 0) return size;
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr;
       each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t i = 0; i < (each->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(each) + i * sizeof fd, sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  buffer.append(bytes.data(), static_cast<std::size_t>(size));
  return size;
}

}  // namespace replwire::server::survive
