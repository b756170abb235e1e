#include "server/system/sandbox/temporary_folder.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace replwire::server {
namespace {

namespace fs = std::filesystem;

// Holds nothing of the session's, and hears no signal that is meant for it.
[[noreturn]] void keep(const std::string& path, int socket) {
  if (const pid_t keeper = ::fork(); keeper != 0) {
    if (keeper < 0) ::rmdir(path.c_str());
    ::_exit(0);
  }
  ::setsid();
  ::prctl(PR_SET_NAME, "replwire-tmp");
  for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) std::signal(number, SIG_IGN);
  [[maybe_unused]] const int moved = ::chdir("/");
  ::dup2(socket, 0);
  ::close_range(1, ~0U, 0);
  char byte = 0;
  while (::read(0, &byte, 1) < 0 && errno == EINTR) {
  }
  std::error_code ignored;
  fs::remove_all(path, ignored);
  ::_exit(0);
}

}  // namespace

TemporaryFolder TemporaryFolder::make() {
  std::error_code error;
  const fs::path all = fs::canonical(fs::temp_directory_path(error), error);
  TemporaryFolder made = {(all / "replwire-XXXXXX").string(), {}, -1};
  std::array<int, 2> ends = {-1, -1};
  if (error || ::mkdtemp(made.path.data()) == nullptr) return {};
  const auto give_up = [&made] {
    const int why = errno;
    ::rmdir(made.path.c_str());
    errno = why;
    return TemporaryFolder();
  };
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return give_up();
  made.keeper = Descriptor(ends[0]);
  const Descriptor other(ends[1]);
  made.helper = ::fork();
  if (made.helper == 0) keep(made.path, other.get());
  if (made.helper < 0) return give_up();
  return made;
}

void remove_temporary_folder(int keeper) {
  char byte = 0;
  if (keeper < 0 || ::shutdown(keeper, SHUT_WR) != 0) return;
  while (::read(keeper, &byte, 1) < 0 && errno == EINTR) {
  }
}

}  // namespace replwire::server
