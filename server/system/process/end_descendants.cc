#include "server/system/process/end_descendants.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <functional>

#include "server/system/process/descendants.h"
#include "server/system/process/process.h"

namespace replwire::server {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kGrace{200};
constexpr milliseconds kLimit{700};  // for those that SIGKILL does not end at once
constexpr milliseconds kPass{10};
constexpr milliseconds kPatience{10000};  // for a large process to give its memory back

// User code may still run, and start one process after the other. Where a filter is not allowed the
// passes are many.
void forbid_new_processes() {
  constexpr auto kLoad = BPF_LD | BPF_W | BPF_ABS;
  constexpr auto kEqual = BPF_JMP | BPF_JEQ | BPF_K;
  constexpr auto kReturn = BPF_RET | BPF_K;
  std::vector<sock_filter> program = {BPF_STMT(kLoad, offsetof(seccomp_data, nr))};
  for (const unsigned number : {
#ifdef SYS_fork
           unsigned{SYS_fork}, unsigned{SYS_vfork},
#endif
           unsigned{SYS_clone}, unsigned{SYS_clone3}}) {
    program.push_back(BPF_JUMP(kEqual, number, 0, 1));
    program.push_back(BPF_STMT(kReturn, SECCOMP_RET_ERRNO | EAGAIN));
  }
  program.push_back(BPF_STMT(kReturn, SECCOMP_RET_ALLOW));
  sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
}

// User code may have used up all descriptors, or set itself a limit.
void make_room_for_descriptors() {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (!Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC))) ::close_range(3, 63, 0);
}

void reap() {
  while (::waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
  }
}

void send(pid_t pid, int number) {
  if (const Descriptor process = open_process(pid)) send_signal(process, number);
}

void wait_for(const Descriptor& process, milliseconds time) {
  pollfd state = {process.get(), POLLIN, 0};
  ::poll(&state, 1, static_cast<int>(time.count()));
}

// Until nothing is left of what `find` finds. Returns who was spared.
std::vector<pid_t> end_living(const std::function<Living()>& find) {
  const Clock::time_point start = Clock::now();
  std::vector<pid_t> asked;
  for (;;) {
    const Living living = find();
    if (living.to_end.empty() || Clock::now() > start + kGrace + kLimit) return living.spared;
    const bool insists = Clock::now() > start + kGrace;
    for (const pid_t pid : living.to_end) {
      if (insists) {
        send(pid, SIGKILL);
      } else if (std::ranges::find(asked, pid) == asked.end()) {
        send(pid, SIGTERM);
        asked.push_back(pid);
      }
    }
    wait_for(open_process(living.to_end.front()), kPass);
  }
}

}  // namespace

std::vector<pid_t> end_descendants(const std::vector<pid_t>& at_once, Spared spared,
                                   const std::vector<std::string>& files) {
  forbid_new_processes();
  make_room_for_descriptors();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // whose parent goes now stays in sight
  const bool everybody = spared == Spared::kNobody;
  for (const pid_t pid : at_once) send(pid, SIGKILL);
  return end_living([&] {
    reap();
    return living_descendants(everybody, files);
  });
}

// Whose parent is gone is this process's.
std::vector<pid_t> end_tree(pid_t root, const std::vector<pid_t>& at_once,
                            std::optional<Spared> spared,
                            const std::function<std::vector<std::string>()>& files,
                            const std::function<bool(pid_t)>& leave_out) {
  std::vector<pid_t> children = root > 0 ? children_of(root) : std::vector<pid_t>();
  std::vector<Descriptor> processes;
  for (const pid_t pid : at_once) send_signal(processes.emplace_back(open_process(pid)), SIGKILL);
  for (std::size_t i = 0; i < at_once.size(); ++i) {
    if (processes[i]) wait_for(processes[i], kPatience);  // else it was gone before
    ::waitpid(at_once[i], nullptr, WNOHANG);
  }
  if (!spared) return {};
  const std::vector<std::string> written_to = files();
  return end_living([&] {
    std::erase_if(children, [](pid_t pid) { return parent_of(pid) != ::getpid(); });
    return living_descendants(children, spared == Spared::kNobody, written_to, leave_out);
  });
}

}  // namespace replwire::server
